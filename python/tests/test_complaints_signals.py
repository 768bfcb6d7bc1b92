"""What users of other loggers have met when a call was interrupted.

Each test is named after the issue; docs/complaints-python.md has them all.
"""

from __future__ import annotations

import pytest

from conftest import Workplace


def test_loguru_1335_an_exception_in_the_middle_of_a_call_leaves_the_handler_usable(
    workplace: Workplace,
):
    code = """
import sys, threading
from onewriter import logger

class Stop(BaseException):
    pass

texts = []
logger.remove()
logger.add(lambda message: texts.append(str(message)), format="{message}", catch=False)

def interrupted_at(point):
    # What a signal or PyThreadState_SetAsyncExc may do, at each call of the package in turn:
    # when a function begins, or one that is written in C has returned.
    def trace(frame, event, _):
        nonlocal point
        if "onewriter" in frame.f_code.co_filename and event in ("call", "c_return"):
            point -= 1
            if point < 0:
                raise Stop
    sys.setprofile(trace)
    try:
        logger.patch(lambda record: None).info("interrupted")
    except Stop:
        return True
    finally:
        sys.setprofile(None)
    return False

points = 0
while interrupted_at(points):
    points += 1
    others = threading.Thread(target=logger.info, args=(f"other {points}",))
    others.start()
    others.join()
    logger.info(f"own {points}")
assert points > 10
expected = [f"{who} {n}\\n" for n in range(1, points + 1) for who in ("other", "own")]
assert [text for text in texts if text != "interrupted\\n"] == expected
"""
    assert workplace.program(code) == ""


@pytest.mark.parametrize("kind", ["FileHandler", "StreamHandler", "QueueHandler"])
def test_gunicorn_2564_a_signal_handler_may_log_whatever_it_interrupts(
    workplace: Workplace, kind: str
):
    code = """
import logging, signal, sys
from onewriter import Queue, handlers
kind, listener = sys.argv[1], None
if kind == "StreamHandler":
    handler = handlers.StreamHandler(open("shop.log", "a"))
else:
    handler = handlers.FileHandler("shop.log")
if kind == "QueueHandler":
    listener = handlers.QueueListener(Queue(), handler)
    listener.start()
    handler = handlers.QueueHandler(listener.queue)
logging.basicConfig(handlers=[handler], level=logging.INFO, format="%(message)s")
signals = records = 0
def on_signal(*_):
    global signals
    signals += 1
    logging.info("signal")
    signal.setitimer(signal.ITIMER_REAL, 0.0003)
signal.signal(signal.SIGALRM, on_signal)
signal.setitimer(signal.ITIMER_REAL, 0.001)
while signals < 200:
    logging.info("record")
    records += 1
signal.setitimer(signal.ITIMER_REAL, 0)
if listener:
    listener.stop()
logging.shutdown()
lines = open("shop.log").read().splitlines()
assert (lines.count("signal"), lines.count("record")) == (signals, records)
assert len(lines) == signals + records
"""
    assert workplace.program(code, kind) == ""

"""What users of other loggers have lost: at exits, kills and errors, on the way through a queue.

Each test is named after the issue; docs/complaints-python.md has them all.
"""

from __future__ import annotations

import signal

import pytest

from conftest import Workplace

ENDINGS = [("os._exit(0)", 0), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)]


@pytest.mark.parametrize(("end", "status"), ENDINGS)
def test_loguru_836_what_was_logged_before_a_program_dies_is_written_by_the_next_one(
    workplace: Workplace, end: str, status: int
):
    code = f"""
import os, signal, sys
from onewriter import logger
logger.remove()
logger.add("shop.log", format="{{level}} {{message}}", enqueue=True)
for number in range(3000):
    logger.info("order {{}}", number)
if sys.argv[1] == "dies":
    {end}
"""
    assert workplace.program(code, "dies", status=status) == ""
    assert workplace.program(code, "returns") == ""
    orders = [f"INFO order {number}" for number in range(3000)]
    assert workplace.log("shop.log") == orders * 2


@pytest.mark.parametrize("kind", ["logger", "file", "installed", "queue"])
def test_django_logic_296_a_forked_child_that_leaves_by_os_exit_has_lost_nothing(
    workplace: Workplace, kind: str
):
    code = """
import logging, os, sys
import onewriter
from onewriter.handlers import FileHandler, Queue, QueueHandler, QueueListener
kind, listener, info = sys.argv[1], None, logging.info
if kind == "logger":
    onewriter.logger.remove()
    onewriter.logger.add("shop.log", format="{message}", enqueue=True)
    info = onewriter.logger.info
elif kind == "installed":
    onewriter.install("shop.log", format="%(message)s")
else:
    handler = FileHandler("shop.log")
    if kind == "queue":
        # Two, so that the listener's own thread is at work.
        listener = QueueListener(Queue(), handler, logging.NullHandler())
        listener.start()
        handler = QueueHandler(listener.queue)
    logging.basicConfig(handlers=[handler], level=logging.INFO, format="%(message)s")
info("parent")
child = os.fork()
if child == 0:
    for number in range(1000):
        info(str(number))
    os._exit(0)
os.waitpid(child, 0)
info("parent again")
"""
    assert workplace.program(code, kind) == ""
    assert workplace.log("shop.log") == ["parent", *map(str, range(1000)), "parent again"]


def test_local_deep_research_6194_an_exception_that_ends_the_program_comes_last(
    workplace: Workplace,
):
    code = """
import onewriter, sys
from onewriter import logger
logger.remove()
logger.add(sys.stderr, format="{message}", enqueue=True)
onewriter.capture.install(exceptions=True)
for number in range(100):
    logger.info(number)
raise LookupError("the end")
"""
    lines = workplace.program(code, status=1).splitlines()
    assert lines[:100] == [str(number) for number in range(100)]
    assert lines[-1] == "LookupError: the end"


def test_bbot_2989_threads_that_log_while_the_interpreter_ends_do_not_crash_it(
    workplace: Workplace,
):
    code = """
import logging, sys, threading
from onewriter import logger
from onewriter.handlers import FileHandler, Queue, QueueHandler, QueueListener
logger.remove()
logger.add(sys.stdout, format="{message}", enqueue=True)
QueueListener(Queue(), logging.StreamHandler(sys.stdout), FileHandler("shop.log")).start()
started = threading.Barrier(4)
def log():
    logger.info("daemon")
    started.wait()
    while True:
        logger.info("daemon")
for _ in range(3):
    threading.Thread(target=log, daemon=True).start()
started.wait()
"""
    assert set(workplace.program(code).split()) == {"daemon"}


@pytest.mark.parametrize("handler", ["FileHandler", "ConcurrentRotatingFileHandler"])
def test_clh_80_what_is_logged_while_the_interpreter_ends_is_written(
    workplace: Workplace, handler: str
):
    code = f"""
import atexit, logging
from onewriter.handlers import {handler}
log = logging.getLogger("shop")
log.addHandler({handler}("shop.log"))
class Finalized:
    def __del__(self):
        log.error("finalizer")
kept = Finalized()
atexit.register(log.error, "atexit")
"""
    assert workplace.program(code) == ""
    assert workplace.log("shop.log") == ["atexit", "finalizer"]


def test_cpython_74599_a_record_that_cannot_be_pickled_costs_its_part_and_no_later_record(
    workplace: Workplace,
):
    code = """
import logging, os, threading
from onewriter.handlers import FileHandler, Queue, QueueHandler, QueueListener
handler = FileHandler("shop.log")
handler.setFormatter(logging.Formatter("%(message)s %(order)s"))
queue = Queue()
with QueueListener(queue, handler, logging.NullHandler()):
    child = os.fork()
    if child == 0:
        for number in range(3):
            record = logging.makeLogRecord({"msg": "bad", "order": threading.Lock()})
            QueueHandler(queue).handle(record)
            QueueHandler(queue).handle(logging.makeLogRecord({"msg": "good", "order": number}))
        os._exit(0)
    os.waitpid(child, 0)
"""
    assert workplace.program(code) == ""
    lines = workplace.log("shop.log")
    assert lines[1::2] == ["good 0", "good 1", "good 2"]
    assert all(line.startswith("bad <unlocked _thread.lock object at") for line in lines[::2])


def test_loguru_342_and_1105_an_exception_that_cannot_be_pickled_is_logged_from_a_child(
    workplace: Workplace,
):
    code = """
import os, threading
from onewriter import logger
class Local(Exception):
    def __init__(self, one, two):
        super().__init__(one)
        self.lock = two
logger.remove()
logger.add(lambda message: print(message, end="", flush=True), format="{message}", enqueue=True)
logger.add("shop.log", format="{message}", enqueue=True)
child = os.fork()
if child == 0:
    try:
        raise Local("order", threading.Lock())
    except Local:
        logger.exception("failed")
    logger.info("next")
    os._exit(0)
os.waitpid(child, 0)
logger.complete()
"""
    for lines in (workplace.program(code).splitlines(), workplace.log("shop.log")):
        assert lines[0] == "failed"
        assert lines[-2:] == ["Local: order", "next"]


def test_loguru_905_extra_that_cannot_be_pickled_is_in_the_file(workplace: Workplace):
    code = """
import threading, types
from onewriter import logger
logger.remove()
logger.add("shop.log", format="{message} {extra[headers]}", enqueue=True)
logger.info("a", headers=types.MappingProxyType({"host": "shop"}))
logger.bind(headers=threading.Lock()).info("b")
"""
    assert workplace.program(code) == ""
    first, second = workplace.log("shop.log")
    assert first == "a {'host': 'shop'}"
    assert second.startswith("b <unlocked _thread.lock object at")


def test_clairvoyance_907_nothing_warns_of_leaked_semaphores_at_the_end(workplace: Workplace):
    code = """
import multiprocessing
from onewriter import Queue, logger
def work(log, queue):
    log.info("worker")
    queue.put("worker")
if __name__ == "__main__":
    logger.remove()
    logger.add("shop.log", format="{message}", enqueue=True)
    logger.add(lambda message: None, enqueue=True)
    queue = Queue()
    child = multiprocessing.get_context("spawn").Process(target=work, args=(logger, queue))
    child.start()
    child.join()
    assert queue.get() == "worker"
"""
    assert workplace.program(code) == ""
    assert workplace.log("shop.log") == ["worker"]


def test_cpython_75267_and_78515_exception_and_stack_stand_once_behind_a_queue(
    workplace: Workplace,
):
    code = """
import logging, sys
from onewriter.handlers import FileHandler, Queue, QueueHandler, QueueListener
handlers = [FileHandler("shop.log"), logging.FileHandler("plain.log")]
with QueueListener(Queue(), *handlers) as listener:
    logging.getLogger().addHandler(QueueHandler(listener.queue))
    try:
        raise LookupError("no tea")
    except LookupError:
        logging.exception("order %d", 7, stack_info=True)
"""
    assert workplace.program(code) == ""
    for name in ("shop.log", "plain.log"):
        lines = (workplace.folder / name).read_text().splitlines()
        assert lines[:2] == ["order 7", "Traceback (most recent call last):"]
        assert lines.count("LookupError: no tea") == 1
        assert lines.count("Stack (most recent call last):") == 1


def test_cpython_89087_and_structlog_702_a_formatter_behind_the_queue_sees_the_exception(
    workplace: Workplace,
):
    code = """
import json, logging, os
from onewriter.handlers import Queue, QueueHandler, QueueListener
class Json(logging.Formatter):
    def format(self, record):
        kind = record.exc_info and record.exc_info[0].__name__
        return json.dumps([record.msg, record.args, kind, record.exc_text.splitlines()[-1]])
handler = logging.FileHandler("shop.log")
handler.setFormatter(Json())
def log(queue):
    try:
        raise LookupError("no tea")
    except LookupError:
        logging.exception({"event": "order"})
with QueueListener(Queue(), handler) as listener:
    logging.getLogger().addHandler(QueueHandler(listener.queue))
    log(listener.queue)
    child = os.fork()
    if child == 0:
        log(listener.queue)
        os._exit(0)
    os.waitpid(child, 0)
"""
    assert workplace.program(code) == ""
    line = '[{"event": "order"}, [], "LookupError", "LookupError: no tea"]'
    assert (workplace.folder / "shop.log").read_text().splitlines() == [line] * 2

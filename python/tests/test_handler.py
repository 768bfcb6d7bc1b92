"""Handlers: errors of sinks, queues, pickling."""

import copy
import io
import os
import pickle
import re
import signal
import subprocess
import sys
import threading

import pytest

from onewriter import Logger


class Hostile:
    """Raises wherever it is shown."""

    def __repr__(self):
        raise ValueError("no repr")

    __str__ = __repr__

    def __format__(self, spec):
        raise ValueError("no format")


def fail(message):
    """A sink."""
    raise ValueError(f"cannot write {message.record['message']}")


def print_(message):
    """A sink that can be pickled."""
    print(message, end="")


def test_an_error_of_a_sink_is_reported_with_the_record(logger, capsys):
    logger.add(fail)
    logger.info("one")
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0] == "--- Logging error in Loguru Handler #0 ---"
    assert re.fullmatch(r"Record was: \{'elapsed': .*'message': 'one'.*\}", lines[1])
    assert lines[2] == "Traceback (most recent call last):"
    assert lines[-2:] == ["ValueError: cannot write one", "--- End of logging error ---"]


def test_an_error_of_a_sink_goes_to_the_caller_who_wants_it(logger, capsys):
    logger.add(fail, catch=False)
    with pytest.raises(ValueError, match="^cannot write one$"):
        logger.info("one")
    assert capsys.readouterr() == ("", "")


def test_an_error_of_one_handler_is_none_of_the_others(logger, written, capsys):
    for sink in (written, fail, written):
        logger.add(sink, format="{message}")
    logger.info("one")
    assert written == ["one\n", "one\n"]
    assert capsys.readouterr().err.count("--- Logging error in Loguru Handler #1 ---") == 1


@pytest.mark.parametrize("serialize", [True, False])
def test_a_hostile_value_costs_its_own_record_only(logger, written, capsys, serialize):
    logger.add(written, format="{message} {extra}", serialize=serialize)
    loop = {}
    loop["me"] = loop
    logger.bind(a=Hostile()).info("lost")
    logger.info("kept")
    assert len(written) == 1 and "kept" in written[0]
    assert "Record was: /!\\ Unprintable record /!\\\n" in capsys.readouterr().err
    logger.bind(a=loop).info("recursive")
    assert len(written) == (1 if serialize else 2)
    assert capsys.readouterr().err.count("ValueError: Circular reference") == (
        1 if serialize else 0
    )


@pytest.mark.parametrize("has_stderr", [True, False])
def test_where_nobody_can_be_told_the_program_goes_on(logger, monkeypatch, has_stderr):
    logger.add(fail)
    closed = io.StringIO()
    closed.close()
    with monkeypatch.context() as context:
        context.setattr(sys, "stderr", closed if has_stderr else None)
        logger.info("one")


def test_the_exceptions_of_filters_and_formats_are_those_of_the_handler(logger, written, capsys):
    logger.add(written, filter=lambda record: 1 / 0)
    logger.add(written, format=lambda record: 1 / 0)
    logger.add(written, format="{no_such}")
    logger.info("x")
    err = capsys.readouterr().err
    assert written == []
    assert (err.count("ZeroDivisionError: division by zero"), err.count("KeyError: 'no_such'")) == (
        2,
        1,
    )


def test_a_handler_names_itself_its_level_and_its_sink(logger):
    logger.add(print_, level="INFO")
    logger.add(sys.__stderr__)
    assert repr(logger) == (
        "<onewriter.logger handlers=[(id=0, level=20, sink=print_), (id=1, level=10, "
        "sink=<stderr>)]>"
    )


def test_a_queue_is_written_by_another_thread_in_order(logger):
    writers, texts = set(), []

    def sink(message):
        writers.add(threading.get_ident())
        texts.append(str(message))

    logger.add(sink, format="{message}", enqueue=True, catch=False)
    for number in range(200):
        logger.info(number)
    logger.complete()
    assert texts == [f"{number}\n" for number in range(200)]
    assert len(writers) == 1 and threading.get_ident() not in writers


def test_removing_a_handler_with_a_queue_writes_all_of_it_and_stops_the_sink(logger):
    events = []

    class Sink:
        def write(self, message):
            events.append(str(message))

        def stop(self):
            events.append("stopped")

    number = logger.add(Sink(), format=lambda _: "{message}", enqueue=True)
    for text in "abc":
        logger.info(text)
    logger.remove(number)
    logger.info("d")
    assert events == ["a", "b", "c", "stopped"]


def test_an_error_on_the_writers_thread_is_reported_and_the_next_record_written(
    logger, written, capsys
):
    def sink(message):
        if message == "bad":
            fail(message)
        written(message)

    logger.add(sink, format=lambda _: "{message}", enqueue=True, catch=False)
    for text in ("one", "bad", "two"):
        logger.info(text)
    logger.remove()
    lines = capsys.readouterr().err.splitlines()
    assert written == ["one", "two"]
    assert lines[0] == "--- Logging error in Loguru Handler #0 ---"
    assert "'message': 'bad'" in lines[1]
    assert lines[-2:] == ["ValueError: cannot write bad", "--- End of logging error ---"]


def test_complete_and_remove_inside_of_a_sink_with_a_queue_wait_for_nobody(logger):
    stopped = threading.Event()

    class Sink:
        texts = []

        def write(self, message):
            self.texts.append(str(message))
            logger.complete()
            if message == "last":
                logger.remove()

        def stop(self):
            stopped.set()

    logger.add(Sink(), format=lambda _: "{message}", enqueue=True)
    logger.info("first")
    logger.info("last")
    assert stopped.wait(20)
    assert Sink.texts == ["first", "last"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_what_a_forked_child_logs_without_a_queue_is_its_own(logger, written):
    logger.add(written, format="{message}")
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        logger.info("child")
        os._exit(0 if written == ["child\n"] else 1)
    assert os.waitpid(pid, 0)[1] == 0
    logger.info("parent")
    assert written == ["parent\n"]


def test_a_pickled_logger_has_its_own_handlers_options_and_levels(logger, capsys):
    logger.level("foo", no=33)
    logger.add(print_, format="{level} {message} {extra}", filter="", colorize=True)
    twin = pickle.loads(pickle.dumps(logger.bind(a=1)))
    logger.remove()
    twin.log("foo", "x")
    assert capsys.readouterr().out == "foo x {'a': 1}\n"
    twin.remove()
    twin.info("y")
    assert capsys.readouterr().out == ""


def test_a_method_can_be_pickled(logger, capsys):
    logger.add(print_, format="{function} {message}")
    pickle.loads(pickle.dumps(logger.critical))("x")
    assert capsys.readouterr().out == "test_a_method_can_be_pickled x\n"
    assert isinstance(pickle.loads(pickle.dumps(logger.add)).__self__, Logger)
    assert pickle.loads(pickle.dumps(logger.parse)) is logger.parse


def test_a_logger_pickled_inside_of_its_sink_is_not_inside_of_it(logger, capsys):
    logger.add(_log_by_a_copy, format="{message}", catch=False)
    logger.info("original")
    assert capsys.readouterr().out == "original\ncopy\n"


def _log_by_a_copy(message):
    from onewriter import logger

    print_(message)
    if message == "original\n":
        twin = pickle.loads(pickle.dumps(logger))
        twin.info("copy")


def test_what_cannot_be_pickled_is_refused_by_pickle(logger):
    logger.add(lambda message: None)
    with pytest.raises((pickle.PicklingError, AttributeError), match="Can't (pickle|get local)"):
        pickle.dumps(logger)


def test_a_deep_copy_is_independent(logger, capsys):
    logger.add(print_, format="{message}")
    twin = copy.deepcopy(logger)
    logger.remove()
    logger.info("original")
    twin.info("copy")
    assert capsys.readouterr().out == "copy\n"


_QUEUES = """
import logging, sys
from onewriter import Queue, logger
from onewriter.handlers import QueueHandler, QueueListener
logger.remove()
logger.add(lambda message: None, enqueue=True)
logger.info("one")
queue = Queue()
queue.__reduce__()
with QueueListener(queue, logging.NullHandler()):
    QueueHandler(queue).handle(logging.makeLogRecord({"msg": "two"}))
"""


def test_a_program_leaves_no_queue_of_its_sinks_behind(tmp_path):
    environment = {**os.environ, "ONEWRITER_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", _QUEUES], env=environment, check=True, timeout=60)
    assert [path.name for path in tmp_path.glob("onewriter-*/*")] == []

"""A listener whose handlers are all files of the engine needs no thread: who logs feeds them."""

from __future__ import annotations

import gc
import logging
import logging.handlers
import os
import pickle
import queue
import threading
import time
import warnings
import weakref
from pathlib import Path

import pytest

from onewriter import Queue
from onewriter.handlers import FileHandler, QueueHandler, QueueListener, RotatingFileHandler

FORMAT = "%(levelname)s %(name)s %(module)s %(funcName)s %(threadName)s %(message)s"


class Way:
    """A logger, a queue, a listener and a file."""

    def __init__(self, folder: Path, kind=FileHandler, queue=None, **options) -> None:
        self.path = folder / "a.log"
        self.file = kind(self.path)
        self.file.setFormatter(logging.Formatter(FORMAT))
        self.queue = Queue() if queue is None else queue
        self.listener = QueueListener(self.queue, self.file, **options)
        self.log = logging.Logger("shop", logging.DEBUG)
        self.log.addHandler(QueueHandler(self.queue))

    def start(self) -> Way:
        self.listener.start()
        return self

    def is_fed(self) -> bool:
        return self.queue.feed is not None

    def lines(self) -> list[str]:
        """What is in the file at the end."""
        self.listener.stop()
        self.file.close()
        return self.path.read_text().splitlines()


@pytest.fixture
def way(tmp_path: Path) -> Way:
    return Way(tmp_path).start()


def say(log: logging.Logger) -> None:
    """Records of every kind."""
    log.info("plain")
    log.debug("%s and %r", "text", "repr")
    log.warning("%d %05.1f %s", 7, 2.5, None)
    log.error("a list %s", [1, 2])
    log.info("%(a)s %(b)d", {"a": "by name", "b": 1})
    log.info(ValueError("an object"))
    log.info("extra %s", "ignored", extra={"who": "me"})
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        log.exception("failed %s", "here")
    log.critical("with a stack", stack_info=True)
    log.info("umlaut %s %s", "ü", "\U0001f980")


def test_the_file_is_that_of_the_standard_library(way, tmp_path: Path):
    plain = logging.FileHandler(tmp_path / "b.log", encoding="utf-8")
    plain.setFormatter(logging.Formatter(FORMAT))
    other = logging.Logger("shop", logging.DEBUG)
    other.addHandler(plain)
    for log in (way.log, other):
        say(log)
        thread = threading.Thread(target=say, args=(log,), name="helper")
        thread.start()
        thread.join()
    plain.close()
    assert way.is_fed()
    assert way.lines() == (tmp_path / "b.log").read_text().splitlines()


def test_records_pass_by_the_listener(way, monkeypatch):
    handled = []
    monkeypatch.setattr(way.listener, "handle", handled.append)
    way.log.info("one")
    assert (handled, way.queue.qsize()) == ([], 0)
    assert way.lines() == ["INFO shop test_feed test_records_pass_by_the_listener MainThread one"]


def test_what_was_in_the_queue_before_comes_first(tmp_path: Path):
    way = Way(tmp_path)
    for number in range(1000):
        way.log.info("%d", number)
    assert way.queue.qsize() == 1000
    way.start()
    for number in range(1000, 5000):
        way.log.info("%d", number)
    way.queue.join()
    assert [int(line.split()[-1]) for line in way.lines()] == list(range(5000))


def test_threads_keep_their_order_while_the_feed_begins(tmp_path: Path):
    way = Way(tmp_path)

    def work(name: int) -> None:
        for number in range(2000):
            # Now and then one that goes through the queue.
            if number % 97 == 0:
                record = way.log.makeRecord("shop", 20, "", 1, f"{name} {number}", (), None)
                way.queue.put(record)
            else:
                way.log.info("%d %d", name, number)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    way.start()
    for thread in threads:
        thread.join()
    lines = [line.split()[-2:] for line in way.lines()]
    for name in range(4):
        assert [int(number) for of, number in lines if of == str(name)] == list(range(2000))
    assert len(lines) == 8000


def test_levels_and_filters_of_the_handler_decide(tmp_path: Path):
    way = Way(tmp_path, respect_handler_level=True).start()
    way.file.setLevel("WARNING")
    way.log.info("below")
    way.log.warning("kept")
    way.file.addFilter(lambda record: "secret" not in record.getMessage())
    way.log.error("a secret")
    way.log.error("no %s", "harm")
    assert way.is_fed()
    assert [line.split(" MainThread ")[1] for line in way.lines()] == ["kept", "no harm"]


def test_what_a_filter_changes_in_a_record_is_shown(way):
    class Change(logging.Filter):
        def filter(self, record):
            record.levelname, record.funcName = f"<{record.levelname}>", "elsewhere"
            record.module = "other"
            return True

    for _ in range(3):
        way.log.info("before")
    way.log.addFilter(Change())
    for _ in range(3):
        way.log.info("after")
    head = "test_feed test_what_a_filter_changes_in_a_record_is_shown"
    assert way.lines() == [f"INFO shop {head} MainThread before"] * 3 + [
        "<INFO> shop other elsewhere MainThread after"
    ] * 3


def test_a_record_of_another_time_shows_it(tmp_path: Path):
    way = Way(tmp_path)
    way.file.setFormatter(logging.Formatter("%(asctime)s %(threadName)s %(message)s"))
    way.start()
    for values in ({"created": 86_400.0, "msecs": 7.0}, {"thread": 1, "threadName": "far"}):
        record = logging.makeLogRecord({"msg": "made", "levelno": 20, **values})
        if "created" not in values:
            record.created, record.msecs = 86_400.0, 7.0
        way.log.handlers[0].handle(record)
    day = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(86_400))
    assert way.lines() == [f"{day},007 MainThread made", f"{day},007 far made"]


def test_a_message_that_cannot_be_made_is_told_as_handlers_do(way, capsys):
    way.log.info("%d", "seven")
    way.log.info("good")
    assert [line.split(" MainThread ")[1] for line in way.lines()] == ["good"]
    assert capsys.readouterr().err.startswith("--- Logging error ---\n")
    assert way.listener.errors == 0


def test_other_handlers_are_noticed(way, written):
    class Mine(logging.Handler):
        def emit(self, record):
            written(record.getMessage())

    way.log.info("one")
    way.listener.handlers += (Mine(),)
    way.log.info("two")
    way.queue.join()
    assert written == ["two"]
    assert [line.split(" MainThread ")[1] for line in way.lines()] == ["one", "two"]


def _with_other_handler(way: Way) -> None:
    way.listener.handlers += (logging.NullHandler(),)


def _with_own_listener(way: Way) -> None:
    class Own(QueueListener):
        pass

    way.listener = Own(way.queue, way.file)


@pytest.mark.parametrize("change", [_with_other_handler, _with_own_listener, pickle.dumps])
def test_where_it_would_make_a_difference_the_thread_does_it(tmp_path: Path, change):
    way = Way(tmp_path)
    change(way.queue if change is pickle.dumps else way)
    way.start()
    assert not way.is_fed()
    way.log.info("one")
    assert [line.split(" MainThread ")[1] for line in way.lines()] == ["one"]


def test_two_listeners_of_one_queue_share_its_records(way):
    other = QueueListener(way.queue, way.file)
    assert way.is_fed()
    other.start()
    assert not way.is_fed()
    way.log.info("one")
    # Each ends one thread, but nobody can say whose.
    for listener in (other, way.listener):
        listener.enqueue_sentinel()
    other.stop()
    assert [line.split(" MainThread ")[1] for line in way.lines()] == ["one"]


@pytest.mark.parametrize(
    "made", [lambda: Queue(overflow="raise"), lambda: Queue(name="test.feed"), queue.Queue]
)
def test_a_queue_with_a_policy_or_a_name_or_of_another_kind_is_used(tmp_path: Path, made):
    way = Way(tmp_path, queue=made()).start()
    assert getattr(way.queue, "feed", None) is None
    way.log.info("one")
    assert [line.split(" MainThread ")[1] for line in way.lines()] == ["one"]


def test_a_queue_that_another_process_gets_is_used_from_then_on(way):
    way.log.info("one")
    assert way.is_fed()
    pickle.dumps(way.queue)
    assert not way.is_fed()
    way.log.info("two")
    assert [line.split(" MainThread ")[1] for line in way.lines()] == ["one", "two"]


def test_a_stopped_listener_is_fed_again_when_it_starts(way):
    way.log.info("one")
    way.listener.stop()
    way.log.info("two")
    assert way.queue.qsize() == 1
    way.start()
    way.log.info("three")
    way.queue.join()
    assert [line.split(" MainThread ")[1] for line in way.lines()] == ["one", "two", "three"]


def test_a_forked_child_feeds_the_file_too(way):
    way.log.info("parent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            for number in range(100):
                way.log.info("%d", number)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    way.log.info("last")
    texts = [line.split(" MainThread ")[1] for line in way.lines()]
    assert texts == ["parent", *map(str, range(100)), "last"]


def test_rotating_files_are_fed(tmp_path: Path):
    def kind(path):
        return RotatingFileHandler(path, maxBytes=2000, backupCount=100)

    way = Way(tmp_path, kind=kind).start()
    for number in range(200):
        way.log.info("%d", number)
    assert way.is_fed()
    way.lines()
    files = sorted(tmp_path.iterdir(), key=lambda it: -int("0" + it.name.removeprefix("a.log")[1:]))
    assert len(files) > 5
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert [int(line.split()[-1]) for line in lines] == list(range(200))


def test_a_file_that_cannot_be_opened_is_told_as_handlers_do(tmp_path: Path, capsys):
    folder = tmp_path / "later"
    way = Way(tmp_path, kind=lambda path: FileHandler(folder / "a.log", delay=True)).start()
    (tmp_path / "later").write_text("a file, and no folder")
    assert way.is_fed()
    way.log.info("lost %s", "one")
    assert "Error: " in capsys.readouterr().err
    folder.unlink()
    folder.mkdir()
    way.log.info("kept %s", "one")
    way.listener.stop()
    way.file.close()
    assert (folder / "a.log").read_text().endswith(" kept one\n")


def test_a_listener_that_nobody_has_any_more_goes_with_its_handlers(tmp_path: Path):
    way = Way(tmp_path).start()
    way.log.info("one")
    way.listener.stop()
    way.file.close()
    gone = weakref.ref(way.listener), weakref.ref(way.file)
    del way
    gc.collect()
    assert [it() for it in gone] == [None, None]

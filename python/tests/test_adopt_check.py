"""`check`: second writers of a file are found, and nothing else is."""

from __future__ import annotations

import logging
import os

import pytest

import onewriter
import onewriter.handlers as handlers

STANDARD_CURE = "use the handler of its name in onewriter.handlers"


@pytest.fixture
def shop():
    """A logger whose handlers are closed in the end."""
    shop = logging.getLogger("shop.check")
    yield shop
    for handler in shop.handlers[:]:
        shop.removeHandler(handler)
        handler.close()


def in_fork(look):
    """What a function returns, a list of texts, in a forked child."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(theirs, "\n".join(look()).encode())
        os._exit(0)
    os.close(theirs)
    with open(ours, encoding="utf-8") as answer:
        found = answer.read().splitlines()
    os.waitpid(child, 0)
    return found


def test_the_example_finds_both_mistakes(workplace):
    quiet = "-W", "ignore::DeprecationWarning"  # Python 3.12 on warns of every fork
    folder = workplace.folder
    old = (
        "logging.FileHandler of logger 'old' writes "
        f"'{folder / 'shop.log'}', which is also written by handler 1 of onewriter.logger: "
        + STANDARD_CURE
    )
    audit = (
        f"handler 2 of onewriter.logger writes '{folder / 'audit.log'}', which the parent of this "
        "process writes, too: add enqueue=True to its logger.add"
    )
    assert workplace.run(*quiet, workplace.examples / "check_writers.py") == f"parent: {old}\n"
    assert workplace.log("shop.log") == [f"WARNING {old}", f"WARNING {audit}"]


def test_writers_through_the_queue_are_as_many_as_they_like(logger, shop, tmp_path):
    path = tmp_path / "a.log"
    logger.add(path, enqueue=True)
    logger.add(handlers.FileHandler(path))
    shop.addHandler(handlers.FileHandler(path))
    shop.addHandler(handlers.WatchedFileHandler(path))
    assert onewriter.check() == []
    assert in_fork(onewriter.check) == []


def test_one_writer_without_a_queue_is_no_mistake_before_there_is_a_child(logger, shop, tmp_path):
    shop.addHandler(logging.FileHandler(tmp_path / "a.log"))
    logger.add(tmp_path / "b.log")
    assert onewriter.check() == []


def test_a_path_that_is_spelled_in_two_ways_is_one_file(logger, shop, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    shop.addHandler(logging.FileHandler(tmp_path / "a.log"))
    shop.addHandler(handlers.FileHandler(tmp_path / "link" / "a.log"))
    path = str(tmp_path / "a.log")
    assert onewriter.check() == [
        f"logging.FileHandler of logger 'shop.check' writes {path!r}, which is also written by "
        f"onewriter.handlers.FileHandler of logger 'shop.check': {STANDARD_CURE}"
    ]


def test_a_handler_that_was_added_again_is_found_with_each_other(shop, tmp_path):
    for _ in range(2):
        shop.addHandler(logging.FileHandler(tmp_path / "a.log"))
    assert len(onewriter.check()) == 2


def test_one_handler_of_two_loggers_is_one_writer(shop, tmp_path):
    handler = logging.FileHandler(tmp_path / "a.log")
    shop.addHandler(handler)
    logging.getLogger("shop.check.below").addHandler(handler)
    try:
        assert onewriter.check() == []
        (found,) = in_fork(onewriter.check)
        assert " of logger 'shop.check', 'shop.check.below' writes " in found
    finally:
        logging.getLogger("shop.check.below").removeHandler(handler)


def test_a_forked_child_is_told_what_it_has_inherited_but_not_what_it_has_made(
    logger, shop, tmp_path
):
    shop.addHandler(logging.FileHandler(tmp_path / "inherited.log"))

    def look():
        shop.addHandler(logging.FileHandler(tmp_path / "own.log"))
        logger.add(tmp_path / "own2.log")
        return onewriter.check()

    (found,) = in_fork(look)
    path = str(tmp_path / "inherited.log")
    assert found == (
        f"logging.FileHandler of logger 'shop.check' writes {path!r}, which the parent "
        f"of this process writes, too: {STANDARD_CURE}"
    )


def test_a_file_behind_a_memory_handler_or_a_standard_sink_is_found(logger, shop, tmp_path):
    target = logging.FileHandler(tmp_path / "a.log")
    shop.addHandler(logging.handlers.MemoryHandler(10, target=target))
    number = logger.add(logging.FileHandler(tmp_path / "a.log"))
    found = onewriter.check()
    target.close()
    assert len(found) == 2
    assert f"handler {number} of onewriter.logger" in found[0]


class Own(handlers.RotatingFileHandler):
    """A handler of this module."""


def test_a_handler_is_named_as_a_program_imports_it(logger, shop, tmp_path):
    path = str(tmp_path / "a.log")
    shop.addHandler(logging.handlers.RotatingFileHandler(path))
    shop.addHandler(handlers.RotatingFileHandler(path))
    shop.addHandler(Own(path))
    number = logger.add(handlers.WatchedFileHandler(path))
    assert onewriter.check() == [
        f"logging.handlers.RotatingFileHandler of logger 'shop.check' writes {path!r}, which is "
        "also written by onewriter.handlers.RotatingFileHandler of logger 'shop.check', "
        f"{__name__}.Own of logger 'shop.check', onewriter.handlers.WatchedFileHandler, "
        f"handler {number} of onewriter.logger,: {STANDARD_CURE}"
    ]


def test_the_handlers_of_a_listener_count_where_it_runs(shop, tmp_path):
    handler = handlers.QueueHandler(handlers=[logging.FileHandler(tmp_path / "a.log")])
    shop.addHandler(handler)
    shop.addHandler(handlers.FileHandler(tmp_path / "a.log"))
    listener = handler.listener
    assert onewriter.check() == []
    with listener:
        assert len(onewriter.check()) == 1
        assert in_fork(onewriter.check) == []
    listener.handlers[0].close()


def test_a_file_of_python_s_sink_beside_the_engine_s_is_a_second_writer(logger, tmp_path):
    first = logger.add(tmp_path / "a.log", enqueue=True)
    second = logger.add(tmp_path / "a.log", enqueue=True, mode="w")
    path = str(tmp_path / "a.log")
    found = onewriter.check()
    assert found == [
        f"handler {second} of onewriter.logger writes {path!r}, which is also written by "
        f"handler {first} of onewriter.logger: give both the same settings"
    ]
    logger.remove(first)
    assert onewriter.check() == []
    assert in_fork(onewriter.check) == []


def test_findings_are_logged_when_asked(logger, written, shop, tmp_path):
    logger.add(written, format="{level} {function} {message}")
    shop.addHandler(logging.FileHandler(tmp_path / "{a}.log"))
    shop.addHandler(handlers.FileHandler(tmp_path / "{a}.log"))
    (finding,) = onewriter.check(warn=True)
    name = test_findings_are_logged_when_asked.__name__
    assert written == [f"WARNING {name} {finding}\n"]

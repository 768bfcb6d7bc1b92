"""structlog: a logger factory that puts rendered lines into the queue of a file."""

from __future__ import annotations

import copy
import os
import pickle

import pytest

from onewriter.integrations.structlog import FileLogger, LoggerFactory


def test_lines_of_spawned_processes_are_in_the_file_in_their_order(workplace):
    pytest.importorskip("structlog", reason="structlog is not installed")
    workplace.run(workplace.examples / "structlog_to_file.py")
    assert workplace.log("shop.log") == [
        '{"event": "begin", "level": "info"}',
        '{"event": "order placed", "level": "info", "total": 19.9, "worker": 1}',
        '{"event": "order placed", "level": "info", "total": 19.9, "worker": 2}',
        '{"event": "end", "level": "error"}',
    ]


def test_str_and_bytes_are_lines(tmp_path):
    log = FileLogger(tmp_path / "a.log")
    log.info("tea für Ann")
    log.info("milk für Bob".encode())
    log.info("\ud800")
    log.complete()
    assert (tmp_path / "a.log").read_bytes() == ("tea für Ann\nmilk für Bob\n\\ud800\n".encode())


def test_it_has_the_methods_of_structlog_s_loggers(tmp_path):
    log = FileLogger(tmp_path / "a.log")
    names = "log debug info warn warning msg err error critical fatal failure exception".split()
    for name in names:
        getattr(log, name)(name)
    log.complete()
    assert (tmp_path / "a.log").read_text().split() == names


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_a_copy_logs_to_the_same_file(tmp_path, copied):
    log = FileLogger(tmp_path / "a.log", rotate_size=1000)
    other = copied(log)
    log.msg("one")
    other.msg("two")
    log.complete()
    assert (tmp_path / "a.log").read_text() == "one\ntwo\n"
    assert repr(other) == f"<onewriter FileLogger {str(tmp_path / 'a.log')!r}>"


def test_a_forked_child_logs_to_the_same_file(tmp_path):
    log = FileLogger(tmp_path / "a.log")
    log.msg("parent")
    child = os.fork()
    if child == 0:
        log.msg("child")
        os._exit(0)
    os.waitpid(child, 0)
    log.complete()
    assert (tmp_path / "a.log").read_text() == "parent\nchild\n"


def test_the_factory_makes_one_logger_whatever_its_name(tmp_path):
    factory = LoggerFactory(tmp_path / "a.log")
    assert not (tmp_path / "a.log").exists()
    assert factory() is factory("name") is factory("other", "name")


def test_settings_reach_the_file(tmp_path):
    log = LoggerFactory(tmp_path / "a.log", rotate_size=100)()
    for number in range(4):
        log.info(f"{number}" * 59)
    log.complete()
    assert (tmp_path / "a.log").read_text() == "3" * 59 + "\n"
    with pytest.raises(TypeError, match="rotate_sice"):
        LoggerFactory(tmp_path / "a.log", rotate_sice=100)()

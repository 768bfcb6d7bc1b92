"""The plugin for pytest: what it does for those who use it, and that others do not notice it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from importlib.metadata import entry_points

import pytest

# An installed package has announced its plugin already.
PLUGIN = (
    () if entry_points(group="pytest11", name="onewriter") else ("-p", "onewriter.pytest_plugin")
)
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (\w+) (\w+) +([\w.:<>]+) - (.*)")


@pytest.fixture
def tests(workplace):
    """Runs pytest on the example, or on a file with this text; how many passed."""

    def run(*options, text=None, ini=None, status=0):
        for file in (workplace.examples / "pytest").glob("*.*"):
            shutil.copy(file, workplace.folder)
        if text is not None:
            (workplace.folder / "test_shop.py").write_text(text)
        if ini is not None:
            (workplace.folder / "pytest.ini").write_text(ini)
        output = workplace.run(
            *("-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", *PLUGIN, *options),
            status=status,
        )
        found = re.search(r"(\d+) passed", output)
        return int(found[1]) if found else 0

    return run


def lines(workplace):
    """Worker, level, place and message of each line of the run's log."""
    return [LINE.fullmatch(line).groups() for line in workplace.log("run.log")]


def test_caplog_sees_the_logger_and_the_file_has_everything(workplace, tests):
    (workplace.folder / "run.log").write_text("of the run before\n")
    assert tests() == 22
    found = lines(workplace)
    assert found[:3] == [
        ("main", "INFO", "test_shop:order:11", "order 7 placed"),
        ("main", "INFO", "test_shop:order:11", "order -1 placed"),
        ("main", "ERROR", "test_shop:order:13", "order -1 cannot be"),
    ]
    assert [message for *_, message in found[3:5]] == ["order 0 placed", "parcel 0"]
    assert len(found) == 43


def test_all_workers_of_xdist_write_to_one_file_each_line_with_its_worker(workplace, tests):
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    assert tests("-n", 2) == 22
    found = lines(workplace)
    assert {worker for worker, *_ in found} == {"gw0", "gw1"}
    expected = [f"order {number} placed" for number in (7, -1, *range(20))]
    expected += ["order -1 cannot be", *[f"parcel {number}" for number in range(20)]]
    assert Counter(message for *_, message in found) == Counter(expected)


def test_the_file_is_back_for_the_next_test_when_one_removes_all_handlers(workplace, tests):
    text = """
from onewriter import logger
def test_one(): logger.remove(); logger.info("nobody hears it")
def test_two(): logger.info("heard")
"""
    assert tests(text=text) == 2
    assert lines(workplace) == [("main", "INFO", "test_shop:test_two:4", "heard")]


CAPLOG = """
from onewriter import logger
def test_caplog(caplog):
    logger.info("tea")
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("milk")
    assert [record.levelname for record in caplog.records] == {levels}
    assert all(record.name == "test_shop" for record in caplog.records)
    logger.remove()
def test_nothing_is_left(): assert not any("LogCapture" in repr(it) for it in handlers())
def handlers(): return logger._core.handlers.values()
"""


def test_caplog_is_told_by_the_call_itself_and_only_in_its_test(tests):
    assert tests(text=CAPLOG.format(levels=["INFO", "ERROR"]), ini="[pytest]\n") == 2


def test_a_project_can_keep_caplog_as_it_is(tests):
    ini = "[pytest]\nonewriter_caplog = false\n"
    assert tests(text=CAPLOG.format(levels=[]), ini=ini) == 2


def test_a_project_that_does_not_use_it_does_not_notice_it(workplace, tests):
    text = """
import logging
def test_root():
    assert not [it for it in logging.getLogger().handlers if "onewriter" in type(it).__module__]
    assert not hasattr(logging, "handlers") or not hasattr(
        logging.handlers, "ConcurrentRotatingFileHandler"
    )
def test_caplog(caplog):
    logging.warning("tea")
    assert caplog.messages == ["tea"]
"""
    assert tests(text=text, ini="[pytest]\nfilterwarnings = error\n") == 2
    assert not (workplace.folder / "run.log").exists()

"""Which files of a sink stay."""

from __future__ import annotations

import datetime
import os
import time
from types import SimpleNamespace

import pytest
from onewriter import _file_retention
from onewriter._file_retention import files_of, make_retention


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def files(directory, count, *, now=1_000_000):
    """Files of which each is an hour older than the one before."""
    paths = []
    for number in range(count):
        path = directory / f"{number}.log"
        path.touch()
        os.utime(path, (now - 3600 * number, now - 3600 * number))
        paths.append(str(path))
    return paths


def test_a_number_keeps_the_newest(tmp_path):
    make_retention(2)(files(tmp_path, 5))
    assert names(tmp_path) == ["0.log", "1.log"]


@pytest.mark.parametrize(("number", "left"), [(0, 0), (-1, 0), (3, 3), (10, 3)])
def test_a_number_beyond_what_is_there_keeps_all_and_none_keeps_none(tmp_path, number, left):
    make_retention(number)(files(tmp_path, 3))
    assert len(names(tmp_path)) == left


@pytest.mark.parametrize("age", ["2 hours", datetime.timedelta(hours=2)])
def test_an_age_removes_what_is_as_old(tmp_path, monkeypatch, age):
    monkeypatch.setattr(_file_retention, "time", SimpleNamespace(time=lambda: 1_000_000.0))
    make_retention(age)(files(tmp_path, 5))
    assert names(tmp_path) == ["0.log", "1.log"]


def test_a_function_is_taken_as_it_is():
    assert make_retention(names) is names
    assert make_retention(None) is None


def test_a_file_that_is_gone_already_is_no_failure(tmp_path):
    paths = files(tmp_path, 3)
    os.remove(paths[1])
    make_retention(0)(paths)
    assert names(tmp_path) == []


def test_a_file_in_use_is_left_and_the_others_go(tmp_path, monkeypatch):
    paths = files(tmp_path, 3)
    remove = os.remove

    def refusing(path):
        if path == paths[1]:
            raise PermissionError(path)
        remove(path)

    monkeypatch.setattr(os, "remove", refusing)
    make_retention(0)(paths)
    assert names(tmp_path) == ["1.log"]


def test_another_error_is_raised_after_the_others_are_gone(tmp_path, monkeypatch):
    paths = files(tmp_path, 3)
    remove = os.remove

    def failing(path):
        if path == paths[0]:
            raise OSError("Removal error")
        remove(path)

    monkeypatch.setattr(os, "remove", failing)
    with pytest.raises(OSError, match="^Removal error$"):
        make_retention(0)(paths)
    assert names(tmp_path) == ["0.log"]


OWN = [
    "test.2019-11-12_03-22-07_018985.2.log.tar.gz",
    "test.2019-11-12_03-22-07_018985.log",
    "test.foo.log",
    "test.foo.log.bar",
    "test.log",
    "test.log.1.gz",
    "test.log.log",
]
FOREIGN = ["_test.log", "te.st.log", "test", "test.foo", "test.logs", "test_.log", "testlog"]


def test_a_sink_knows_its_files_by_what_stands_before_and_after_the_extension(tmp_path):
    for name in [*OWN, *FOREIGN]:
        (tmp_path / name).touch()
    (tmp_path / "test.log.directory").mkdir()
    assert files_of(str(tmp_path), "test.log") == [str(tmp_path / name) for name in OWN]


def test_a_placeholder_stands_for_any_text_and_everything_else_for_itself(tmp_path):
    directory = tmp_path / "{x} [y]"
    directory.mkdir()
    for name in ["a*1.log", "a*2.b.log", "ab1.log"]:
        (directory / name).touch()
    assert files_of(str(directory), "a*{time:HH}.log") == [
        str(directory / "a*1.log"),
        str(directory / "a*2.b.log"),
    ]


def test_a_path_without_extension_has_files_with_any(tmp_path):
    for name in ["file_1", "file_1.gz", "other"]:
        (tmp_path / name).touch()
    assert files_of("", str(tmp_path / "file_{time}")) == [
        str(tmp_path / "file_1"),
        str(tmp_path / "file_1.gz"),
    ]


@pytest.mark.parametrize(
    ("retention", "name"), [(datetime.time(12), "time"), (1.0, "float"), (object(), "object")]
)
def test_a_type_that_is_no_retention_is_named(retention, name):
    with pytest.raises(TypeError, match=f"^Cannot infer retention for objects of type: '{name}'$"):
        make_retention(retention)


@pytest.mark.parametrize("retention", ["W5", "monday at 14:00", "nope", "10"])
def test_a_text_that_is_no_duration_is_quoted(retention):
    with pytest.raises(ValueError, match=f"^Cannot parse retention from: '{retention}'$"):
        make_retention(retention)


def test_the_age_is_taken_from_the_clock(tmp_path):
    path = tmp_path / "now.log"
    path.touch()
    os.utime(path, (time.time() - 7200, time.time() - 7200))
    make_retention("1 day")([str(path)])
    assert names(tmp_path) == ["now.log"]
    make_retention("1 hour")([str(path)])
    assert names(tmp_path) == []

"""When a file was created."""

from __future__ import annotations

import os

import pytest
from onewriter._ctime import get_ctime, set_ctime


@pytest.fixture
def attributes(monkeypatch):
    """Extended attributes of files, also where the file system has none."""
    kept = {}

    def getxattr(path, name):
        if (path, name) not in kept:
            raise OSError(61, "No data available")
        return kept[path, name]

    def setxattr(path, name, value):
        kept[path, name] = value

    monkeypatch.setattr(os, "getxattr", getxattr, raising=False)
    monkeypatch.setattr(os, "setxattr", setxattr, raising=False)
    return kept


def test_what_is_set_stays_under_the_name_that_loguru_uses(tmp_path, attributes):
    path = str(tmp_path / "a.log")
    set_ctime(path, 1577836801.5)
    assert attributes == {(path, "user.loguru_crtime"): b"1577836801.5"}
    assert get_ctime(path) == 1577836801.5


@pytest.mark.parametrize("value", [None, b"yesterday"])
def test_without_a_usable_attribute_it_is_the_last_change(tmp_path, attributes, value):
    path = tmp_path / "a.log"
    path.touch()
    os.utime(path, (5, 1000.25))
    if value is not None:
        attributes[str(path), "user.loguru_crtime"] = value
    status = path.stat()
    assert get_ctime(str(path)) == getattr(status, "st_birthtime", 1000.25)


@pytest.mark.parametrize("reason", ["no calls", "no support"])
def test_a_system_without_attributes_is_no_failure(tmp_path, monkeypatch, reason):
    def refuse(*args):
        raise OSError(95, "Operation not supported")

    for name in ("getxattr", "setxattr"):
        if reason == "no calls":
            monkeypatch.delattr(os, name, raising=False)
        else:
            monkeypatch.setattr(os, name, refuse, raising=False)
    path = tmp_path / "a.log"
    path.touch()
    os.utime(path, (5, 1000.25))
    set_ctime(str(path), 7.0)
    assert get_ctime(str(path)) == getattr(path.stat(), "st_birthtime", 1000.25)


def test_a_file_that_is_not_there_has_no_creation(tmp_path):
    with pytest.raises(FileNotFoundError):
        get_ctime(str(tmp_path / "a.log"))

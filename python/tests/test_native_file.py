"""Which files with ``enqueue=True`` the engine writes, and which are left to Python's sink."""

from __future__ import annotations

import errno
import os
import threading
from decimal import Decimal
from pathlib import Path

import pytest


def is_written_by_engine(logger) -> bool:
    (handler,) = logger._core.handlers.values()
    return handler._sink is None


def test_a_device_is_written_as_without_a_queue(logger):
    logger.add("/dev/null", enqueue=True)
    logger.info("nothing")
    logger.complete()
    assert not is_written_by_engine(logger)


def test_what_a_device_refuses_is_an_error_of_the_sink(logger, capsys):
    logger.add("/dev/full", enqueue=True)
    logger.info("nothing")
    logger.complete()
    with pytest.raises(OSError, match="No space left on device"):
        logger.remove()
    assert f"OSError: [Errno {errno.ENOSPC}] No space left on device\n" in capsys.readouterr().err


def test_a_pipe_gets_all_messages(logger, tmp_path: Path):
    path, read = tmp_path / "pipe", []
    os.mkfifo(path)
    thread = threading.Thread(target=lambda: read.append(path.read_text()))
    thread.start()
    logger.add(path, format="{message}", enqueue=True)
    logger.info("one")
    logger.info("two")
    logger.remove()
    thread.join()
    assert read == ["one\ntwo\n"]


@pytest.mark.parametrize("name", ["folder", "folder/", "link", ""])
def test_a_folder_is_the_error_that_it_is_without_a_queue(
    logger, tmp_path: Path, monkeypatch, name: str
):
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder")
    os.symlink("folder", "link")
    with pytest.raises(IsADirectoryError):
        logger.add(name, enqueue=True)


def test_a_name_that_is_no_text_is_a_file_like_others(logger, tmp_path: Path):
    path = tmp_path / os.fsdecode(b"caf\xe9.log")
    logger.add(path, format="{message}", enqueue=True)
    logger.info("tea")
    logger.remove()
    assert path.read_text() == "tea\n"


@pytest.mark.parametrize(
    ("name", "error"), [("\ud800.log", UnicodeEncodeError), ("a\0.log", ValueError)]
)
def test_a_name_that_cannot_be_is_the_error_of_open(logger, tmp_path: Path, name: str, error):
    with pytest.raises(error) as of_open:
        open(tmp_path / name, "a", encoding="utf-8").close()
    with pytest.raises(error) as of_add:
        logger.add(tmp_path / name, enqueue=True)
    assert str(of_add.value) == str(of_open.value)


def test_a_slash_at_the_end_of_a_new_name_says_nothing(logger, tmp_path: Path):
    logger.add(f"{tmp_path}/a.log/", format="{message}", enqueue=True)
    logger.info("tea")
    logger.remove()
    assert (tmp_path / "a.log").read_text() == "tea\n"


@pytest.mark.parametrize(
    "rotation", [float("inf"), 10**25, 1e30, Decimal("1e30"), 2**63, 2**64, "1e40 B"]
)
def test_a_size_that_no_file_reaches_never_rotates(logger, tmp_path: Path, rotation):
    logger.add(tmp_path / "a.log", format="{message}", enqueue=True, rotation=rotation, retention=1)
    logger.info("one")
    logger.info("two")
    logger.remove()
    assert {it.name: it.read_text() for it in tmp_path.iterdir()} == {"a.log": "one\ntwo\n"}


@pytest.mark.parametrize("retention", [2**63, 2**64, 10**25])
def test_more_files_than_there_can_be_are_all_kept(logger, tmp_path: Path, retention: int):
    logger.add(
        tmp_path / "a.log", format="{message}", enqueue=True, rotation=2, retention=retention
    )
    for number in range(4):
        logger.info(number)
    logger.remove()
    assert sorted(it.read_text() for it in tmp_path.iterdir()) == ["0\n", "1\n", "2\n", "3\n"]


def test_a_file_with_usual_settings_is_the_engine_s(logger, tmp_path: Path):
    logger.add(
        tmp_path / "a.log", enqueue=True, rotation="100 MB", retention=2**63 - 1, compression="gz"
    )
    assert is_written_by_engine(logger)

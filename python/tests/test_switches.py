"""What Loguru has no words for: overflow, size and name of the queue, a deadline for `complete`."""

from __future__ import annotations

import asyncio
import gc
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import onewriter
from onewriter._files import FileHandler
from onewriter._native import FileQueue

SECONDS = 60.0
_FIRST = """
import sys
from onewriter._native import FileQueue
log = FileQueue(sys.argv[1], format="{message}\\n")
log.put("first\\n")
log.complete(60)
print("writes", flush=True)
input()
log.close(60)
"""


class Halted:
    """A program that writes a file, until it is stopped as by Ctrl-Z."""

    def __init__(self, path: Path) -> None:
        self.path = path
        command = [sys.executable, "-c", _FIRST, str(path)]
        pipe = subprocess.PIPE
        self._program = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._program.stdout.readline() == "writes\n"
        self._program.send_signal(signal.SIGSTOP)

    def lines(self) -> tuple[list[str], int]:
        """Lets it go on and end; what is in the file, and how many records it says were lost."""
        self._program.send_signal(signal.SIGCONT)
        FileQueue(str(self.path)).close(SECONDS)
        self._program.communicate("end\n", timeout=SECONDS)
        told, lines = [], []
        for line in self.path.read_text().splitlines():
            (told if " records lost: " in line else lines).append(line)
        assert lines.pop(0) == "first"
        return lines, sum(map(_count, told))


def _count(notice: str) -> int:
    found = re.search(r"(\d+) records lost: the queue was full \((\d+) (INFO|level 20)\)", notice)
    assert found is not None and found[1] == found[2], notice
    return int(found[1])


@pytest.fixture
def halted(tmp_path: Path):
    one = Halted(tmp_path / "shop.log")
    yield one
    one._program.kill()
    one._program.wait()


@pytest.fixture(params=["quick", "slow"])
def put(request, logger):
    """The logger on either way to a queue."""
    return logger if request.param == "quick" else logger.patch(lambda record: None)


TEXTS = [f"{number:04} {'x' * 100}" for number in range(2000)]


def test_records_below_a_level_are_dropped_and_counted_without_room(logger, halted, put, capsys):
    logger.add(
        halted.path,
        format="{message}",
        enqueue=True,
        catch=False,
        queue_size="64 KiB",
        overflow=("drop", "ERROR"),
    )
    for text in TEXTS:
        put.info(text)
    waits = threading.Thread(target=put.error, args=("this one waits",))
    waits.start()
    lines, lost = halted.lines()
    waits.join()
    FileQueue(str(halted.path)).close(SECONDS)
    # There may be room for some more after the first are dropped.
    kept = {*lines, "this one waits"}
    every = [text for text in [*TEXTS, "this one waits"] if text in kept]
    assert halted.path.read_text().count("this one waits\n") == 1
    assert lines in (every, every[:-1])
    assert 0 < lost == len(TEXTS) - (len(every) - 1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("overflow", ["raise", ("block", 0.01)])
def test_without_room_a_record_is_an_error_of_the_handler(logger, halted, put, capsys, overflow):
    options = {"format": "{message}", "enqueue": True, "queue_size": 65536, "overflow": overflow}
    number = logger.add(halted.path, **options)
    n_put = 0
    errors = ""
    while not errors:
        put.info(TEXTS[n_put])
        n_put += 1
        errors = capsys.readouterr().err
    lines = errors.splitlines()
    assert lines[0] == f"--- Logging error in Loguru Handler #{number} ---"
    assert f"'message': '{TEXTS[n_put - 1]}'" in lines[1]
    assert lines[-2:] == ["queue.Full: the queue is full", "--- End of logging error ---"]
    logger._core.handlers[number]._options = logger._core.handlers[number]._options._replace(
        catch=False
    )
    with pytest.raises(queue.Full, match="^the queue is full$"):
        put.info(TEXTS[n_put])
    assert halted.lines() == (TEXTS[: n_put - 1], 2)


def test_without_room_the_quick_loggers_of_logging_tell_it_as_handlers_do(
    halted, monkeypatch, capsys
):
    import logging

    monkeypatch.setattr(FileHandler, "wait", 0.01)
    monkeypatch.setattr(onewriter._install, "FileHandler", _small)
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    handler = onewriter.install(halted.path, format="%(message)s")
    try:
        n_put, errors = 0, ""
        while not errors:
            root.info("%s", TEXTS[n_put])
            n_put += 1
            errors = capsys.readouterr().err
        assert errors.startswith("--- Logging error ---\n")
        assert "\nqueue.Full: the queue is full\n" in errors
        assert f"Message: '%s'\nArguments: ('{TEXTS[n_put - 1]}',)\n" in errors
        assert 'test_switches.py", line ' in errors
        assert halted.lines() == (TEXTS[: n_put - 1], 1)
    finally:
        root.removeHandler(handler)
        handler.close()
        onewriter._install.uninstall()
        root.handlers[:] = before
        root.setLevel(logging.WARNING)


class _small(FileHandler):
    """With little memory, so that it is full soon."""

    def _settings(self):
        return {**super()._settings(), "memory": 65536}


class Held:
    """A sink that waits with its first message until it may go on."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.is_inside, self.go_on = threading.Event(), threading.Event()

    def __call__(self, message) -> None:
        self.is_inside.set()
        assert self.go_on.wait(SECONDS)
        self.texts.append(str(message))


def test_a_sink_of_python_is_told_how_many_messages_were_dropped(logger):
    held = Held()
    logger.add(
        held,
        format="{level} {name} {message}",
        enqueue=True,
        catch=False,
        queue_size=65536,
        overflow=("drop", 30),
    )
    logger.info("first")
    held.is_inside.wait()
    for text in TEXTS:
        logger.info(text)
    held.go_on.set()
    logger.remove()
    told = [text for text in held.texts if text.startswith("WARNING onewriter ")]
    texts = [text for text in held.texts if text not in told]
    assert texts == [f"INFO {__name__} {text}\n" for text in ["first", *TEXTS][: len(texts)]]
    assert len(texts) + sum(map(_count, told)) == 1 + len(TEXTS)
    assert 1 < len(texts) < len(TEXTS)


def test_complete_has_a_deadline_and_nothing_is_lost_by_it(logger):
    held = Held()
    logger.add(held, format="{message}", enqueue=True)
    logger.info("one")
    with pytest.raises(TimeoutError, match="^not everything was written within "):
        logger.complete(timeout=0.05)
    held.go_on.set()
    logger.complete(timeout=SECONDS)
    assert held.texts == ["one\n"]


def test_a_deadline_that_several_sinks_miss_is_told_once(logger, recwarn):
    sinks = [Held(), Held()]
    for held in sinks:
        logger.add(held, format="{message}", enqueue=True)
    logger.info("one")
    with pytest.raises(TimeoutError, match="^not everything was written within "):
        logger.complete(timeout=0.05)
    gc.collect()
    assert list(recwarn) == []
    for held in sinks:
        held.go_on.set()
    logger.complete()
    assert [held.texts for held in sinks] == [["one\n"], ["one\n"]]


def test_an_awaited_complete_lets_the_loop_go_on(logger):
    held = Held()
    logger.add(held, format="{message}", enqueue=True)

    async def completed():
        await logger.complete()

    async def main():
        logger.info("one")
        waits = asyncio.ensure_future(completed())
        await asyncio.sleep(0)
        # Would the loop wait, it would never come here.
        assert (held.texts, waits.done()) == ([], False)
        held.go_on.set()
        await waits
        assert held.texts == ["one\n"]
        logger.info("two")
        # Who does not await it waits.
        logger.complete()
        assert held.texts == ["one\n", "two\n"]

    asyncio.run(main())


def test_an_awaited_complete_has_its_deadline(logger):
    held = Held()
    logger.add(held, format="{message}", enqueue=True)

    async def main():
        logger.info("one")
        with pytest.raises(TimeoutError, match="^not everything was written within "):
            await logger.complete(timeout=0.05)

    asyncio.run(main())
    held.go_on.set()


_OTHER = """
import sys
from onewriter import logger
logger.remove()
logger.add(sys.stdout, format="there {message}", enqueue=True, queue_name="shop.events")
for number in range(100):
    logger.info(number)
logger.complete()
print("completed", flush=True)
input()
logger.info("after")
logger.complete()
"""


def test_programs_that_name_the_same_queue_have_one_sink_and_the_next_one_takes_over(
    logger, written
):
    logger.add(written, format="here {message}", enqueue=True, queue_name="shop.events")
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", _OTHER]
    other = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    assert other.stdout.readline() == "completed\n"
    logger.info("last")
    logger.remove()
    assert written == [f"there {number}\n" for number in range(100)] + ["here last\n"]
    output, _ = other.communicate("go on\n", timeout=SECONDS)
    assert (other.returncode, output) == (0, "there after\n")


def test_a_file_may_have_a_named_queue(logger, tmp_path: Path):
    logger.add(tmp_path / "a.log", format="{message}", enqueue=True, queue_name="shop.files")
    logger.info("one")
    logger.complete()
    command = [sys.executable, "-m", "onewriter", "stat", "shop.files"]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert shown.splitlines()[0] == "shop.files"
    logger.remove()
    assert (tmp_path / "a.log").read_text() == "one\n"


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        (
            {"overflow": "drop"},
            ValueError,
            "Invalid overflow, it should be 'block', ('block', seconds), 'raise' or ('drop', level), "
            "not: 'drop'",
        ),
        (
            {"overflow": ("block", -1)},
            ValueError,
            "Invalid overflow, it should be 'block', ('block', seconds), 'raise' or ('drop', level), "
            "not: ('block', -1)",
        ),
        ({"overflow": ("drop", "LOUD")}, ValueError, "Level 'LOUD' does not exist"),
        (
            {"queue_size": 1000},
            ValueError,
            "Invalid queue size, it should be 65536 to 1073741824 (bytes) or a text such as '16 MiB', "
            "not: 1000",
        ),
        (
            {"queue_size": "much"},
            ValueError,
            "Invalid queue size, it should be 65536 to 1073741824 (bytes) or a text such as '16 MiB', "
            "not: 'much'",
        ),
        (
            {"queue_name": 7},
            TypeError,
            "Invalid queue name, it should be a string (or None), not: 'int'",
        ),
    ],
)
def test_a_switch_that_cannot_be_is_refused(logger, tmp_path: Path, options, kind, text):
    with pytest.raises(kind) as refused:
        logger.add(tmp_path / "a.log", enqueue=True, **options)
    assert str(refused.value) == text
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_no_queue_can_have_is_refused(logger):
    with pytest.raises(ValueError, match="shop/one"):
        logger.add(print, enqueue=True, queue_name="shop/one")


@pytest.mark.parametrize(
    ("name", "value"), [("overflow", "raise"), ("queue_size", 65536), ("queue_name", "shop")]
)
def test_a_switch_of_the_queue_is_refused_where_there_is_none(logger, name, value):
    with pytest.raises(ValueError, match=f"^Invalid '{name}', it is for handlers with 'enqueue=True'$"):
        logger.add(print, **{name: value})

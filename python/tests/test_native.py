"""The queues of the engine, as Python sees them."""

from __future__ import annotations

import gzip
import os
import queue
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from onewriter._native import FileQueue, ObjectQueue

SECONDS = 30.0


def forked(work) -> int:
    """Runs ``work`` in a forked child, which then kills itself; the child's number."""
    with warnings.catch_warnings():
        # From 3.12 on, of threads that were there: ours survive it.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(3)
        os.kill(os.getpid(), signal.SIGKILL)
    return child


def was_killed(child: int) -> bool:
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def started(code: str, *args: object) -> subprocess.Popen:
    """Starts a program that knows nothing of this one."""
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_lines_are_in_the_file_once_and_in_their_order(tmp_path: Path):
    log = FileQueue(str(tmp_path / "a.log"))
    for number in range(10_000):
        log.put(f"line {number}\n" if number % 2 else b"line %d\n" % number)
    log.complete(SECONDS)
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert lines == [f"line {number}" for number in range(10_000)]
    assert log.path == (tmp_path / "a.log").resolve()
    log.close(SECONDS)


def test_text_of_any_language_and_bytes_of_any_kind_come_out_as_they_went_in(tmp_path: Path):
    log = FileQueue(str(tmp_path / "a.log"))
    log.put("grüße, 世界, \U0001f980\x00\n")
    log.put(bytes(range(256)))
    log.put("")
    log.close(SECONDS)
    expected = "grüße, 世界, \U0001f980\x00\n".encode() + bytes(range(256))
    assert (tmp_path / "a.log").read_bytes() == expected


def test_a_record_of_megabytes_is_one_record(tmp_path: Path):
    log = FileQueue(str(tmp_path / "a.log"))
    long = "x" * 5_000_000 + "\n"
    for _ in range(8):
        log.put(long)
    log.close(SECONDS)
    assert (tmp_path / "a.log").read_text() == long * 8


def test_what_a_forked_child_put_is_in_the_file_though_the_child_was_killed(tmp_path: Path):
    log = FileQueue(str(tmp_path / "a.log"))
    log.put("parent\n")
    child = forked(lambda: [log.put(f"child {number}\n") for number in range(1000)])
    assert was_killed(child)
    log.put("parent again\n")
    log.close(SECONDS)
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert lines == ["parent", *(f"child {number}" for number in range(1000)), "parent again"]


def test_children_that_are_forked_while_another_thread_logs_neither_hang_nor_lose(tmp_path: Path):
    log = FileQueue(str(tmp_path / "a.log"))
    stop = threading.Event()
    counts = [0]

    def log_on() -> None:
        while not stop.is_set():
            log.put(f"thread {counts[0]}\n")
            counts[0] += 1

    thread = threading.Thread(target=log_on)
    thread.start()
    children = [
        forked(lambda number=number: (log.put(f"child {number}\n"), log.complete(SECONDS)))
        for number in range(30)
    ]
    assert [was_killed(child) for child in children] == [True] * 30
    stop.set()
    thread.join()
    log.close(SECONDS)
    lines = (tmp_path / "a.log").read_text().splitlines()
    of_thread = [line for line in lines if line.startswith("thread")]
    assert of_thread == [f"thread {number}" for number in range(counts[0])]
    assert sorted(set(lines) - set(of_thread)) == sorted(f"child {number}" for number in range(30))
    assert len(lines) == counts[0] + 30


PUTS_AND_WAITS = """
import sys
from onewriter._native import FileQueue
log = FileQueue(sys.argv[1])
for number in range(1000):
    log.put(f"{sys.argv[2]} {number}\\n")
print("put", flush=True)
sys.stdin.readline()
"""


def test_unrelated_programs_share_one_file_and_one_takes_over_when_the_writer_is_killed(
    tmp_path: Path,
):
    file = tmp_path / "a.log"
    first = started(PUTS_AND_WAITS, file, "first")
    assert first.stdout.readline() == "put\n"
    second = started(PUTS_AND_WAITS, file, "second")
    assert second.stdout.readline() == "put\n"
    first.kill()
    log = FileQueue(str(file))
    log.put("last\n")
    log.complete(SECONDS)
    second.communicate("\n", timeout=SECONDS)
    first.communicate()
    assert (first.returncode, second.returncode) == (-signal.SIGKILL, 0)
    lines = file.read_text().splitlines()
    expected = [f"{name} {number}" for name in ("first", "second") for number in range(1000)]
    assert lines == [*expected, "last"]
    log.close(SECONDS)


@pytest.mark.parametrize("end", ["sys.exit(0)", "raise SystemExit(0)", "pass", "del log"])
def test_a_program_that_just_ends_has_written_everything(tmp_path: Path, end: str):
    code = f"""
import sys
from onewriter._native import FileQueue
log = FileQueue(sys.argv[1])
for number in range(20_000):
    log.put(f"{{number}}\\n")
{end}
"""
    program = started(code, tmp_path / "a.log")
    program.communicate(timeout=SECONDS)
    assert program.returncode == 0
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert lines == [str(number) for number in range(20_000)]


@pytest.mark.parametrize("end", ["os._exit(0)", "os.abort()", "os.kill(os.getpid(), 9)"])
def test_what_a_program_put_before_it_died_the_next_one_writes(tmp_path: Path, end: str):
    code = f"""
import os, sys
from onewriter._native import FileQueue
log = FileQueue(sys.argv[1])
for number in range(20_000):
    log.put(f"{{number}}\\n")
{end}
"""
    started(code, tmp_path / "a.log").communicate(timeout=SECONDS)
    log = FileQueue(str(tmp_path / "a.log"))
    log.close(SECONDS)
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert lines == [str(number) for number in range(20_000)]


def test_files_rotate_are_compressed_and_only_so_many_are_kept(tmp_path: Path):
    log = FileQueue(str(tmp_path / "a.log"), rotate_size=1000, keep=3, compression="gz")
    line = "x" * 99 + "\n"
    for _ in range(60):
        log.put(line)
        log.complete(SECONDS)
    log.close(SECONDS)
    rotated = sorted(path.name for path in tmp_path.iterdir() if path.name != "a.log")
    assert rotated == ["a.3.log.gz", "a.4.log.gz", "a.5.log.gz"]
    assert gzip.decompress((tmp_path / "a.5.log.gz").read_bytes()).decode() == line * 10
    assert (tmp_path / "a.log").read_text() == line * 10


def test_rotate_and_reopen_take_place_between_two_puts(tmp_path: Path):
    log = FileQueue(str(tmp_path / "a.log"))
    log.put("one\n")
    log.rotate()
    log.put("two\n")
    log.complete(SECONDS)
    (tmp_path / "a.log").rename(tmp_path / "moved")
    log.reopen()
    log.put("three\n")
    log.close(SECONDS)
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert texts == {"a.1.log": "one\n", "moved": "two\n", "a.log": "three\n"}


class Stuck:
    """A queue of 64 KiB whose receiver holds the first record until it is let go."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.go_on = threading.Event()
        receiving = threading.Event()

        def receive(data: bytes) -> None:
            receiving.set()
            self.go_on.wait()
            self.seen.append(data)

        self.queue = ObjectQueue(receive=receive, memory=65536)
        self.queue.put(b"first")
        receiving.wait()

    def fill(self) -> int:
        """How many records of 1000 bytes there is room for."""
        for count in range(1000):
            try:
                self.queue.put(b"x" * 1000, wait=0.0)
            except queue.Full as error:
                assert str(error) == "the queue is full"
                return count
        raise AssertionError("64 KiB hold 1000 records of 1000 bytes")


def test_a_full_queue_raises_and_nothing_that_it_took_is_lost():
    stuck = Stuck()
    count = stuck.fill()
    assert 1 <= count <= 64
    with pytest.raises(TimeoutError, match="not everything was written within 100ms: "):
        stuck.queue.complete(0.1)
    stuck.go_on.set()
    stuck.queue.put(b"there is room again")
    stuck.queue.close(SECONDS)
    assert stuck.seen == [b"first", *[b"x" * 1000] * count, b"there is room again"]


def test_a_put_that_waits_for_room_goes_on_as_soon_as_there_is_some():
    stuck = Stuck()
    stuck.fill()
    threading.Timer(0.1, stuck.go_on.set).start()
    stuck.queue.put(b"w" * 1000, wait=float("inf"))
    stuck.queue.close(SECONDS)
    assert stuck.seen[-1] == b"w" * 1000


def test_a_queue_that_is_closed_while_a_put_waits_for_room_refuses_it():
    stuck = Stuck()
    refused: list[BaseException] = []
    is_full = threading.Event()

    def put() -> None:
        stuck.fill()
        is_full.set()
        try:
            stuck.queue.put(b"w" * 1000, wait=float("inf"))
        except BaseException as error:
            refused.append(error)

    thread = threading.Thread(target=put)
    thread.start()
    is_full.wait()
    with pytest.raises(TimeoutError):
        stuck.queue.close(0.2)
    thread.join()
    assert [str(error) for error in refused] == ["the queue is closed"]
    stuck.go_on.set()


def test_ctrl_c_ends_a_wait():
    stuck = Stuck()
    threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        stuck.queue.complete(SECONDS)
    stuck.go_on.set()
    stuck.queue.close(SECONDS)


def test_a_receiver_gets_everything_in_order_from_threads_and_children():
    seen: list[bytes] = []
    inbox = ObjectQueue(receive=seen.append)
    child = forked(lambda: [inbox.put(b"child %d" % number) for number in range(500)])
    assert was_killed(child)
    for number in range(500):
        inbox.put(b"parent %d" % number)
    inbox.complete(SECONDS)
    expected = [b"%s %d" % (who, n) for who in (b"child", b"parent") for n in range(500)]
    assert seen == expected
    inbox.close(SECONDS)


def test_a_program_that_knows_the_name_puts_to_the_same_receiver():
    seen: list[bytes] = []
    inbox = ObjectQueue(receive=seen.append)
    code = """
import sys
from onewriter._native import ObjectQueue
ObjectQueue(sys.argv[1]).put(b"hello")
"""
    program = started(code, inbox.name)
    program.communicate(timeout=SECONDS)
    assert program.returncode == 0
    inbox.complete(SECONDS)
    assert seen == [b"hello"]
    inbox.close(SECONDS)


def test_a_child_receives_when_the_process_that_received_was_killed(tmp_path: Path):
    code = """
import os, sys
from onewriter._native import ObjectQueue
out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
inbox = ObjectQueue(receive=lambda data: os.write(out, data + b"\\n"))
inbox.put(b"parent")
inbox.complete(30)
if os.fork() == 0:
    inbox.put(b"child")
    print("put", flush=True)
    sys.stdin.readline()
    for number in range(1000):
        inbox.put(b"%d" % number)
    inbox.complete(30)
    print("done", flush=True)
    os._exit(0)
os.wait()
"""
    program = started(code, tmp_path / "seen")
    assert program.stdout.readline() == "put\n"
    program.kill()
    program.wait()
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "done\n"
    program.stdin.close()
    program.stdout.close()
    lines = (tmp_path / "seen").read_text().splitlines()
    assert lines == ["parent", "child", *map(str, range(1000))]


def test_what_a_receiver_raises_is_shown_and_costs_nothing_else(monkeypatch: pytest.MonkeyPatch):
    raised: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda it: raised.append(str(it.exc_value)))
    seen: list[bytes] = []

    def receive(data: bytes) -> None:
        if data == b"bad":
            raise ValueError("no such record")
        seen.append(data)

    inbox = ObjectQueue(receive=receive)
    for data in (b"one", b"bad", b"two"):
        inbox.put(data)
    inbox.close(SECONDS)
    assert (seen, raised) == ([b"one", b"two"], ["no such record"])


def test_a_receiver_that_puts_and_completes_does_not_wait_for_itself():
    seen: list[bytes] = []
    refused: list[str] = []

    def receive(data: bytes) -> None:
        seen.append(data)
        if data == b"first":
            inbox.put(b"second")
            try:
                inbox.complete(SECONDS)
            except RuntimeError as error:
                refused.append(str(error))

    inbox = ObjectQueue(receive=receive)
    inbox.put(b"first")
    inbox.complete(SECONDS)
    inbox.close(SECONDS)
    assert seen == [b"first", b"second"]
    assert refused == ["complete() was called by a sink: the writer cannot wait for itself"]


def test_queues_can_be_opened_and_closed_again_and_again(tmp_path: Path):
    for number in range(100):
        log = FileQueue(str(tmp_path / "a.log"))
        log.put(f"{number}\n")
        log.close(SECONDS)
        log.close(SECONDS)
    assert (tmp_path / "a.log").read_text() == "".join(f"{number}\n" for number in range(100))


def test_what_cannot_be_is_refused_with_what_would_be_right(tmp_path: Path):
    file = str(tmp_path / "a.log")
    log = FileQueue(file)
    a_file = f"{file}/b.log"
    for error, text, call in [
        (ValueError, "is a directory: give the name of", lambda: FileQueue(str(tmp_path))),
        (ValueError, 'is no time: give "12:00"', lambda: FileQueue(file, rotate_at="mooday")),
        (
            ValueError,
            'compression "rar": the engine has "gz" and "zst"',
            lambda: FileQueue(file, compression="rar"),
        ),
        (ValueError, "mode 0o40 of the log file", lambda: FileQueue(file, mode=0o40)),
        (ValueError, r"keep\(0\) would delete", lambda: FileQueue(file, keep=0)),
        (ValueError, "wait of -1 seconds: give 0 or more", lambda: log.put("x", wait=-1.0)),
        (ValueError, "timeout of NaN seconds", lambda: log.complete(float("nan"))),
        (ValueError, "bytes, at most 67108864 are possible", lambda: log.put("x" * 70_000_000)),
        (TypeError, "a record of type int: give str or bytes", lambda: log.put(1)),
        (UnicodeEncodeError, "surrogates not allowed", lambda: log.put("\ud800")),
        (ValueError, "a/b", lambda: ObjectQueue("a/b")),
        (ValueError, "from 65536 to 1073741824", lambda: FileQueue(file, memory=1)),
        (ValueError, "give another path, or move that file away", lambda: FileQueue(a_file)),
        (FileNotFoundError, "/proc/nowhere", lambda: FileQueue("/proc/nowhere/a.log")),
    ]:
        with pytest.raises(error, match=text):
            call()
    log.close(SECONDS)
    with pytest.raises(RuntimeError, match="the queue is closed"):
        log.put("x")
    assert (tmp_path / "a.log").read_text() == ""


def test_the_33rd_open_queue_is_refused(tmp_path: Path):
    code = """
import sys
from onewriter._native import FileQueue
queues = []
try:
    while True:
        queues.append(FileQueue(f"{sys.argv[1]}/{len(queues)}.log"))
except RuntimeError as error:
    print(len(queues), error)
queues.pop()
queues.append(FileQueue(f"{sys.argv[1]}/again.log"))
"""
    program = started(code, tmp_path)
    said, _ = program.communicate(timeout=SECONDS)
    assert said == (
        "32 32 queues are open in this process, and there can be no more: close one\n"
    )
    assert program.returncode == 0

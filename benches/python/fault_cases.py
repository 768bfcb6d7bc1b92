"""One program that has a fault: `fault_cases.py CASE SETUP FOLDER SEED`, started by `faults.py`.

How many calls of each producer have returned is counted in a shared file, which outlives everyone.
The program's standard output is open for as long as one of its processes lives; what it prints is
how far it has come.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import peers

SLOTS = 128


class Counts:
    """How many calls of each producer have returned; number `SLOTS - 1` is a flag."""

    def __init__(self, path: Path, *, make: bool = False) -> None:
        if make:
            path.write_bytes(bytes(8 * SLOTS))
        with path.open("r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), 8 * SLOTS)).cast("q")

    def __getitem__(self, producer: int) -> int:
        return self._words[producer]

    def __setitem__(self, producer: int, count: int) -> None:
        self._words[producer] = count

    def shares(self) -> list[int]:
        """The counts of all that can be producers."""
        return self._words.tolist()[:-1]


class Program:
    """A logger, the counts of what was logged, and the dice."""

    def __init__(self, setup: str, folder: Path, seed: int) -> None:
        self.folder = folder
        self.counts = Counts(folder.with_suffix(".counts"))
        self.random = random.Random(seed)
        self.log = peers.SETUPS[setup].open(str(folder / "log"))

    def put(self, producer: int, count: int, *, batch: int = 0) -> None:
        """Logs so many records more; with `batch` 2 ms pass behind each so many."""
        for number in range(self.counts[producer], self.counts[producer] + count):
            self.log.info(self.log.message, producer, number, number * 0.001, "user-42")
            self.counts[producer] = number + 1
            if batch and number % batch == batch - 1:
                time.sleep(0.002)

    def close(self) -> None:
        """Closes the logger; a program that hangs here has not said so."""
        say("records")
        self.log.close()
        say("closed")


def say(text: str) -> None:
    """Tells how far the program has come."""
    print(text, flush=True)


def die() -> None:
    """Is gone, as by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], object]) -> int:
    """The number of a child that does something and leaves through `os._exit`."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def worker_killed(program: Program, count: int = 20_000, batch: int = 0) -> None:
    """A worker logs and is killed as soon as the last call has returned."""
    pid = forked(lambda: (program.put(0, count, batch=batch), die()))
    os.waitpid(pid, 0)
    program.close()


def worker_killed_after_100(program: Program) -> None:
    """The same with few records."""
    worker_killed(program, 100)


def worker_killed_paced(program: Program) -> None:
    """The same with 20 records each 2 ms."""
    worker_killed(program, 1_000, 20)


def one_of_two_killed(program: Program) -> None:
    """Two workers log; one is killed at some moment, the other logs 8,000 records more."""

    def survives() -> None:
        while not program.counts[SLOTS - 1]:
            program.put(1, 10)
        program.put(1, 8_000)

    victim = forked(lambda: program.put(0, 10_000_000))
    survivor = forked(survives)
    time.sleep(program.random.uniform(0.02, 0.2))
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)
    program.counts[SLOTS - 1] = 1
    os.waitpid(survivor, 0)
    program.close()


def owner_killed(program: Program) -> None:
    """Whoever opened the log is killed while two workers log, which go on for a second."""

    def works(producer: int) -> None:
        end = time.monotonic() + 1.3
        while time.monotonic() < end:
            program.put(producer, 20)
            time.sleep(0.002)

    context = multiprocessing.get_context("fork")
    for producer in (0, 1):
        context.Process(target=works, args=(producer,)).start()
    time.sleep(0.3)
    die()


def worker_leaves(program: Program) -> None:
    """A worker logs and leaves through `os._exit`."""
    os.waitpid(forked(lambda: program.put(0, 5_000)), 0)
    program.close()


def worker_returns(program: Program) -> None:
    """A worker of `multiprocessing` logs and returns."""
    context = multiprocessing.get_context("fork")
    worker = context.Process(target=program.put, args=(0, 5_000))
    worker.start()
    worker.join()
    program.close()


def main_killed(program: Program) -> None:
    """The only process is killed as soon as the last call has returned."""
    program.put(0, 20_000)
    die()


def no_close(program: Program) -> None:
    """The only process returns and closes nothing."""
    program.put(0, 20_000)


def forks_beside_a_thread(program: Program, forks: int = 50) -> None:
    """A thread logs without pause, children are forked meanwhile, each logs one record.

    A child that has not ended in 2 s is ended, its call has not returned.
    """
    stop = threading.Event()

    def logs() -> None:
        while not stop.is_set():
            program.put(0, 10)

    thread = threading.Thread(target=logs)
    thread.start()
    hung = 0
    for producer in range(1, forks + 1):
        pid = forked(lambda producer=producer: program.put(producer, 1))
        if not _ended(pid, 2.0):
            hung += 1
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            if hung == 5:
                break
    say(f"hung {hung}")
    stop.set()
    thread.join()
    program.close()


def _ended(pid: int, patience: float) -> bool:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.001)
    return False


def threads(program: Program) -> None:
    """Four threads log."""
    crew = [threading.Thread(target=program.put, args=(it, 5_000)) for it in range(4)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    program.close()


def fill(log: Path) -> None:
    """Makes the log larger than anything else that a process of a logger has open."""
    with log.open("wb") as file:
        file.truncate(64 << 20)
        file.seek(0, os.SEEK_END)
        file.write(b"\n")


def disk_full(program: Program) -> None:
    """The log cannot grow while the second thousand of three is logged; it is large before."""
    program.put(0, 1_000)
    time.sleep(0.3)
    size = (program.folder / "log").stat().st_size
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 150, most[1]))
    program.put(0, 1_000)
    time.sleep(0.3)
    resource.setrlimit(resource.RLIMIT_FSIZE, most)
    program.put(0, 1_000)
    program.close()


def renamed(program: Program) -> None:
    """The log is moved away, and a hundred records are logged a second and a half later.

    What was logged before, or at once, may be in the file that went.
    """
    program.put(0, 100)
    time.sleep(0.3)
    (program.folder / "log").rename(program.folder.with_suffix(".away"))
    program.put(0, 1)
    time.sleep(1.5)
    program.put(1, 100)
    program.close()
    program.counts[0] = 0


def folder_removed(program: Program) -> None:
    """The folder is removed with the log, and is made again 100 records later."""
    program.put(0, 100)
    time.sleep(0.3)
    shutil.rmtree(program.folder)
    program.counts[0] = 0
    program.put(1, 100)
    time.sleep(0.3)
    program.folder.mkdir(exist_ok=True)
    program.put(2, 100)
    program.close()


def rollover(program: Program) -> None:
    """Four workers log into one log that rotates at 100 kB; nothing is to be deleted."""
    context = multiprocessing.get_context("fork")
    crew = [context.Process(target=program.put, args=(it, 10_000)) for it in range(4)]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()
    program.close()


CASES: dict[str, Callable[[Program], None]] = {
    case.__name__: case
    for case in (
        worker_killed,
        worker_killed_after_100,
        worker_killed_paced,
        one_of_two_killed,
        owner_killed,
        worker_leaves,
        worker_returns,
        main_killed,
        no_close,
        forks_beside_a_thread,
        threads,
        disk_full,
        renamed,
        folder_removed,
        rollover,
    )
}

if __name__ == "__main__":
    name, setup, where, seed = sys.argv[1:]
    if name == disk_full.__name__:
        fill(Path(where) / "log")
    CASES[name](Program(setup, Path(where), int(seed)))

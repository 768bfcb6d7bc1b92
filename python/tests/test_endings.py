"""However a process ends, what it had put is in the file."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 60

_LATE = """
import multiprocessing, sys

def work(path):
    import logging
    from onewriter.handlers import FileHandler
    logging.root.addHandler(FileHandler(path))
    logging.root.warning("worker")

if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(sys.argv[1],))
    worker.start()
    worker.join()
    sys.exit(worker.exitcode)
"""


def test_a_worker_that_imports_the_package_late_ends_without_a_word(tmp_path: Path):
    (tmp_path / "late.py").write_text(_LATE)
    path = tmp_path / "shop.log"
    command = [sys.executable, str(tmp_path / "late.py"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert path.read_text() == "worker\n"


_PARENT = """
import multiprocessing, os, sys, time
import logging
import onewriter
from onewriter import logger
from onewriter.handlers import FileHandler

def add(door, path):
    logger.remove()
    if door == "loguru":
        logger.add(path, format="{message}", enqueue=True)
        return logger.info
    if door == "install":
        onewriter.install(path, format="%(message)s")
    else:
        logging.root.addHandler(FileHandler(path))
        logging.root.setLevel("INFO")
    return logging.getLogger("shop").info

def work(log, parent):
    while os.getppid() == parent:
        time.sleep(0.001)  # nothing tells that it is dead
    for number in range(200):
        log(str(number))

if __name__ == "__main__":
    log = add(*sys.argv[1:])
    log("first")
    worker = multiprocessing.get_context("fork").Process(target=work, args=(log, os.getpid()))
    worker.start()
    print("started", flush=True)
    worker.join()
"""


@pytest.mark.parametrize("door", ["loguru", "install", "handler"])
def test_the_last_worker_of_a_killed_parent_has_written_everything_when_it_ends(
    tmp_path: Path, door: str
):
    path = tmp_path / "shop.log"
    command = [sys.executable, "-W", "ignore", "-c", _PARENT, door, str(path)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "started\n"
    parent.send_signal(signal.SIGKILL)
    assert parent.wait(SECONDS) == -signal.SIGKILL
    # The worker has the other end, too: it is closed when that ends.
    assert parent.stdout.read() == ""
    parent.stdout.close()
    assert path.read_text().splitlines() == ["first", *map(str, range(200))]

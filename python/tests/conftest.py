"""What all tests share: queues in a folder of their own, which goes when the tests end."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
SECONDS = 60
"""As long as anything that is waited for may take; nothing takes it that works."""


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is imported: queues live in a folder of this run alone."""
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = tempfile.mkdtemp(prefix="onewriter-tests-", dir=base)
    os.environ["ONEWRITER_DIR"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture
def logger():
    """The logger without handlers and options, as new; again so after the test."""
    import onewriter
    from onewriter import _logger

    def renew():
        onewriter.logger.remove()
        onewriter.logger.__init__(_logger.Core(), None, 0, False, False, False, False, True, [], {})
        _logger.context.set({})

    renew()
    yield onewriter.logger
    renew()


@pytest.fixture
def written():
    """A sink: a list to which each message is appended."""

    class Written(list):
        def __call__(self, message):
            self.append(str(message))

    return Written()


class Workplace:
    """An empty folder in which examples run, and the servers that are started there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.examples = folder, EXAMPLES
        self.port = _free_port()
        self._running: list[subprocess.Popen] = []
        path = [str(EXAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._settings = {
            "cwd": folder,
            "env": {**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            "stderr": subprocess.STDOUT,
            "text": True,
        }

    def run(self, *args: object, status: int = 0) -> str:
        """Runs Python with these arguments to its end; what it printed."""
        command = [sys.executable, *map(str, args)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, timeout=SECONDS, **self._settings, check=False
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    def program(self, text: str, *args: object, status: int = 0) -> str:
        """Runs a program that is written down in a test, to its end; what it printed."""
        file = self.folder / "program.py"
        file.write_text(text, encoding="utf-8")
        # From 3.12 on forks beside threads are warned of: ours survive them.
        return self.run("-W", "ignore::DeprecationWarning", file, *args, status=status)

    def start(self, *args: object) -> subprocess.Popen:
        """Starts Python with these arguments, as the leader of a session."""
        command = [sys.executable, *map(str, args)]
        output = open(self.folder / "output.txt", "w", encoding="utf-8")
        with output:
            server = subprocess.Popen(
                command, stdout=output, start_new_session=True, **self._settings
            )
        self._running.append(server)
        return server

    def stop(self, server: subprocess.Popen, how: int = signal.SIGTERM) -> int:
        """Asks a server to end, and waits for it; its exit status."""
        server.send_signal(how)
        return server.wait(SECONDS)

    def fetch(self, path: str, **headers: str) -> str:
        """Gets a page from the server on `port`, as soon as it listens."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
            try:
                connection.request("GET", path, headers=headers)
                return connection.getresponse().read().decode()
            except ConnectionRefusedError:
                assert all(server.poll() is None for server in self._running), self.output()
                time.sleep(0.02)  # there is nothing that tells
            finally:
                connection.close()

    def output(self) -> str:
        """What the server has printed."""
        return (self.folder / "output.txt").read_text(encoding="utf-8")

    def log(self, name: str) -> list[str]:
        """The lines of a file, with all that was put before by any process."""
        from onewriter._native import FileQueue

        FileQueue(str(self.folder / name)).close(SECONDS)
        return (self.folder / name).read_text(encoding="utf-8").splitlines()

    def close(self) -> None:
        """Kills what still runs, with its children."""
        for server in self._running:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    """Where examples run."""
    place = Workplace(tmp_path)
    yield place
    place.close()

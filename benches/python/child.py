"""Programs that are started to be measured, and end with whoever started them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Starts a Python program in a session of its own, with pipes for what it says.

    At the end of the block nothing of that session is left.
    """
    child = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        # The session has the number of its first process, also when that one has ended.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def end_by_signal() -> None:
    """Makes SIGTERM end this program as Ctrl-C does, so that `started` can clean up."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))

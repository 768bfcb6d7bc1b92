"""What all tests share: queues in a folder of their own, which goes when the tests end."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is imported: queues live in a folder of this run alone."""
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = tempfile.mkdtemp(prefix="onewriter-tests-", dir=base)
    os.environ["ONEWRITER_DIR"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))

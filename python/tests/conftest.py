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

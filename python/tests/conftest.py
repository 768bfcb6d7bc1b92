"""Fixtures of all tests."""

from __future__ import annotations

import pytest

import onewriter
from onewriter import _logger


@pytest.fixture
def logger():
    """The logger without handlers and options, as new; again so after the test."""

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

"""The plugin for pytest: `onewriter.logger` in `caplog`, and one file for all workers of xdist.

It comes with the package, and does nothing to tests that do not use `onewriter.logger`. Options of
the configuration file:

* `onewriter_caplog` (default: true): whether `caplog` sees what `onewriter.logger` logs. A project
  that has a `caplog` fixture of its own to this end turns it off, or removes its fixture.
* `onewriter_file`: a file, relative to the root of the project, that takes what `onewriter.logger`
  and `logging` log in this run, in all workers, each line with the worker's id. It is emptied
  first. Default: none.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from . import logger
from ._files import FileHandler

_LINE = "%(asctime)s {worker} %(levelname)-8s %(name)s:%(funcName)s:%(lineno)d - %(message)s"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options."""
    parser.addini("onewriter_caplog", "Whether caplog sees onewriter.logger", "bool", True)
    parser.addini("onewriter_file", "A file for the log of all workers of this run")


def pytest_configure(config: pytest.Config) -> None:
    """Opens the file, if there is to be one."""
    path = config.getini("onewriter_file")
    if path:
        log = _RunLog(config.rootpath / path, getattr(config, "workerinput", None))
        config.pluginmanager.register(log, "onewriter_file")
        config.add_cleanup(log.close)


@pytest.fixture
def caplog(
    caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> Iterator[pytest.LogCaptureFixture]:
    """Access to what is logged, through `logging` and through `onewriter.logger`."""
    if not request.config.getini("onewriter_caplog"):
        yield caplog
        return
    number = logger.add(caplog.handler, level=0, format="{message}")
    yield caplog
    if number in logger._core.handlers:  # unless the test has removed all handlers
        logger.remove(number)


class _RunLog:
    """The log of a run: one handler, for `logging` and for `onewriter.logger`."""

    def __init__(self, path: os.PathLike[str], worker: dict[str, object] | None) -> None:
        # The workers start when the controller has emptied the file.
        self._handler = FileHandler(path, "w" if worker is None else "a", encoding="utf-8")
        name = "main" if worker is None else worker["workerid"]
        self._handler.setFormatter(logging.Formatter(_LINE.format(worker=name)))
        logging.getLogger().addHandler(self._handler)
        self._add()

    def _add(self) -> None:
        self._number = logger.add(self._handler, level=0, format="{message}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Adds it again where a test has removed all handlers of the logger."""
        if self._number not in logger._core.handlers:
            self._add()

    def close(self) -> None:
        """Takes the handler away, when all is written."""
        logging.getLogger().removeHandler(self._handler)
        if self._number in logger._core.handlers:
            logger.remove(self._number)
        self._handler.close()

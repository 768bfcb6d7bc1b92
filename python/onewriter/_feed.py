"""Records that need no listener's thread: who logs puts them into the files' queues."""

from __future__ import annotations

import copy
import logging
import logging.handlers
from typing import Any

from onewriter import _call
from onewriter._files import OverFileQueue
from onewriter._native import FileQueue, RecordCalls

_OWN = "onewriter."


class _End:
    """A file handler that gets records."""

    def __init__(self, handler: OverFileQueue) -> None:
        self.handler = handler
        self.formatter = handler.formatter
        self.put = RecordCalls(self._resolve, handler.refused, _call.start_nanos).put

    def _resolve(self, record: logging.LogRecord) -> tuple[FileQueue, tuple[Any, ...]] | bool:
        if not 1 <= record.levelno <= 254 or not self.handler.is_formatted_by_writer():
            return False
        return self.handler._file(), (
            record.levelno,
            record.levelname,
            record.name,
            record.module,
            record.funcName,
            record.pathname,
            record.lineno,
        )


class Feed:
    """The handlers of a listener where all of them are files that the engine writes.

    They take no lock and do no I/O, so that a `QueueHandler` can do without the listener's thread: a plain
    record goes into the file's queue with its arguments, and the writer formats it; any other one is
    formatted by who logs. Nothing runs beside the program, and nobody waits for the interpreter's lock.
    """

    def __init__(self, listener: Any) -> None:
        self._listener = listener
        self._handlers = listener.handlers
        self._ends = [_End(handler) for handler in listener.handlers]

    def take(self, record: logging.LogRecord) -> bool:
        """Gives a record to the handlers; false if they are no longer those."""
        listener = self._listener
        if listener.handlers is not self._handlers:
            return False
        for end in self._ends:
            handler = end.handler
            if listener.respect_handler_level and record.levelno < handler.level:
                continue
            is_as_before = handler.formatter is end.formatter and not handler.filters
            if not (is_as_before and end.put(record)):
                # What formatting leaves in it is nothing for others.
                listener.give(handler, copy.copy(record))
        return True


def suits(handlers: tuple[logging.Handler, ...]) -> bool:
    """Whether these handlers can be fed so."""
    return bool(handlers) and all(
        isinstance(it, OverFileQueue)
        and type(it).__module__.startswith(_OWN)
        and not {"handle", "emit", "format"} & it.__dict__.keys()
        for it in handlers
    )

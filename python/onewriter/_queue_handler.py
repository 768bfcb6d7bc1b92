"""`QueueHandler`: records into a queue."""

from __future__ import annotations

import copy
import logging
import logging.handlers
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from onewriter import _carry
from onewriter._listener import QueueListener
from onewriter._queue import Queue


class QueueHandler(logging.handlers.QueueHandler):
    """The standard library's `QueueHandler`, for any queue, and better with a `onewriter.Queue`.

    With a `onewriter.Queue` the record stays a record: `exc_info` is kept and the text of the
    traceback stands in `exc_text`, `extra` is kept, and so are `msg` and `args` where the
    arguments are plain data; others are merged into `msg` here, as they may change before the
    listener's turn. Without room the queue's `overflow` decides. With any other queue, or with a
    formatter of its own, it does what the standard handler does.

    For `logging.config.dictConfig` it takes the keys that the standard library's configuration
    knows from Python 3.12 on; as `"()": "onewriter.handlers.QueueHandler"` it takes them on every
    Python, with handlers in any order, and `onewriter.Queue` and `onewriter.handlers.QueueListener`
    are the defaults. The listener is made when `listener` is read first, and is not started.

    Args:
        queue: The queue, the dotted name of a function that makes it, or
            `{"()": function or dotted name, argument: value, ...}`. It may be left out when there
            are handlers: then it is a new `onewriter.Queue`.
        listener: The class of the listener, its dotted name, or a dict as for `queue`.
        handlers: The listener's handlers; in `dictConfig` their names.
        respect_handler_level: As in `QueueListener`.

    Raises:
        TypeError: There is neither a queue nor a handler, or one of the above is of another type.
        ValueError: The configuration has no handler of a name.
    """

    wait: float = 30.0
    """How many seconds a put to a `onewriter.Queue` waits for room before it is an error."""

    def __init__(
        self,
        queue: Any = None,
        *,
        listener: Any = QueueListener,
        handlers: Iterable[logging.Handler | str] = (),
        respect_handler_level: bool = False,
    ) -> None:
        if queue is None and not handlers:
            raise TypeError("QueueHandler() needs a queue, or the handlers of its listener")
        super().__init__(_made("queue", Queue() if queue is None else queue))
        self._listener: logging.handlers.QueueListener | None = None
        self._make_listener: Callable[[], logging.handlers.QueueListener] | None = None
        if handlers:
            kind = _made("listener", listener)
            find = _finder(handlers)
            self._make_listener = lambda: kind(
                self.queue, *find(), respect_handler_level=respect_handler_level
            )

    @property
    def listener(self) -> logging.handlers.QueueListener | None:
        """The listener of the queue, where the configuration made one."""
        # Not before it is asked for: dictConfig may make the listener's handlers after this one.
        if self._make_listener is not None:
            self._listener = self._make_listener()
            self._make_listener = None
        return self._listener

    @listener.setter
    def listener(self, listener: logging.handlers.QueueListener | None) -> None:
        self._make_listener = None
        self._listener = listener

    def handle(self, record: logging.LogRecord) -> Any:
        """Filters and emits the record, as in the standard library; without the lock where nothing needs
        it.
        """
        if type(self) is not QueueHandler or self.filters or not isinstance(self.queue, Queue):
            return super().handle(record)
        own = self.__dict__
        is_patched = "emit" in own or "prepare" in own or "enqueue" in own
        if self.formatter is not None or is_patched:
            self.emit(record)
            return True
        feed = self.queue.feed
        if feed is not None and feed.take(record):
            return True
        # Most records are plain: nothing of them has to be made ready.
        if not (_is_plain(record) and self.queue.put_simple(_copied(record))):
            self.emit(record)
        return True

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record as it is put; the one that came is not changed."""
        if self.formatter is not None or not isinstance(self.queue, Queue):
            record = super().prepare(record)
            record.stack_info = None  # it is in the message by now
            return record
        record = _copied(record)
        try:
            record.args = _carry.snapshot(record.args)
        except (TypeError, RecursionError):
            record.msg = record.getMessage()
            record.args = None
        if not isinstance(record.msg, str):
            record.msg = _message(record.msg)
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Puts the record."""
        if isinstance(self.queue, Queue):
            self.queue.put(record, timeout=self.wait)
        else:
            self.queue.put_nowait(record)


def _is_plain(record: logging.LogRecord) -> bool:
    """Whether `prepare` would only copy it."""
    args = record.args
    return (
        type(record) is logging.LogRecord
        and type(record.msg) is str
        and record.exc_info is None
        and (args is None or type(args) is tuple and _carry.ATOMS.issuperset(map(type, args)))
    )


def _copied(record: logging.LogRecord) -> logging.LogRecord:
    """A copy; of most records in a third of the time that `copy.copy` takes."""
    if type(record) is not logging.LogRecord:
        return copy.copy(record)
    made = logging.LogRecord.__new__(logging.LogRecord)
    made.__dict__.update(record.__dict__)
    return made


def _message(message: object) -> object:
    """An object as message: a copy where it is plain, else its text."""
    try:
        return _carry.snapshot(message)
    except (TypeError, RecursionError):
        return str(message)


def _made(what: str, given: Any) -> Any:
    """What a configuration gives as an object, by its dotted name, or as a recipe."""
    made = given
    if isinstance(given, str):
        made = pkgutil.resolve_name(given)
        if what == "queue":
            made = made()
    elif isinstance(given, Mapping) and "()" in given:
        recipe = dict(given)
        factory = recipe.pop("()")
        if isinstance(factory, str):
            factory = pkgutil.resolve_name(factory)
        made = factory(**recipe)
    if not (_is_queue(made) if what == "queue" else _makes_listeners(made)):
        raise TypeError(f"Invalid {what} specifier {given!r}")
    return made


def _is_queue(made: object) -> bool:
    return hasattr(made, "put_nowait") and hasattr(made, "get")


def _makes_listeners(made: object) -> bool:
    if isinstance(made, type):
        return issubclass(made, logging.handlers.QueueListener)
    return callable(made)


def _finder(handlers: Iterable[logging.Handler | str]) -> Callable[[], list[logging.Handler]]:
    """A function that looks up the handlers that are given by name.

    dictConfig passes a list that knows its configurator, whose table holds each handler under
    its name once it is made, and keeps it alive until then.
    """
    configurator = getattr(handlers, "configurator", None)
    table = {} if configurator is None else configurator.config["handlers"]
    for one in handlers:
        if isinstance(one, str) and one not in table:
            raise ValueError(f"Unable to set required handler {one!r}")

    def find() -> list[logging.Handler]:
        return [table[one] if isinstance(one, str) else one for one in handlers]

    return find

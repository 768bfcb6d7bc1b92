"""A handler: a sink with its level, filter and format, and what happens when it fails."""

from __future__ import annotations

import sys
import threading
import traceback
from functools import partial
from typing import Any, NamedTuple

from . import _call, _filters
from ._format import Format, serialized
from ._locks import Gate, Watched
from ._markup import Markup
from ._record import Message, RecordLevel
from ._transport import ObjectTransport, QueueOptions


def report(number: int, record: Any, *, exception: BaseException | None = None) -> None:
    """Says on stderr which handler has failed with which record and (current) exception."""
    if not sys.stderr:
        return
    if exception is None:
        exception = sys.exc_info()[1]
    try:
        shown = str(record)
    except Exception:
        shown = "/!\\ Unprintable record /!\\"
    try:
        sys.stderr.write(
            f"--- Logging error in Loguru Handler #{number} ---\nRecord was: {shown}\n"
        )
        if exception is not None:
            traceback.print_exception(
                type(exception), exception, exception.__traceback__, file=sys.stderr
            )
        sys.stderr.write("--- End of logging error ---\n")
    except Exception:
        # A closed or broken stderr: nobody is left who could be told.
        pass


class HandlerOptions(NamedTuple):
    """What ``logger.add`` was given for a handler."""

    number: int
    name: str
    level: int
    filter: Any
    format: Format
    formatter: Any
    serialize: bool
    catch: bool
    # With `enqueue`.
    queue: QueueOptions | None


class Handler:
    """A sink and what is asked before it gets a record."""

    def __init__(self, sink: Any, options: HandlerOptions, transport: Any = None) -> None:
        """``transport`` is there for a file that the engine writes, which has no sink."""
        self.level = options.level
        self._options = options
        self._sink = sink
        self._is_stopped = False
        self._watched: Watched | None = None
        if transport is None:
            self._make_way()
        else:
            self._transport = transport

    def _make_way(self) -> None:
        """Sets how messages get to the sink: through a gate, or a queue to its thread."""
        number, options = self._options.number, self._options
        failed = partial(report, number)
        if options.queue is None:
            self._gate = Gate(self._sink, failed if options.catch else None)
            return
        self._watched = Watched(self._sink)
        self._transport = ObjectTransport(self._watched, options.queue, failed, self._notice)

    def _notice(self, text: str) -> None:
        """Writes what the queue has to say."""
        level = RecordLevel("WARNING", 30, "\u26a0\ufe0f")
        record = _call.record_of({}, _call.Options.plain(), None, "onewriter", level)
        record["message"] = text
        message = Message(self._text(record, "", False, False, None))
        message.record = record
        self._watched.write(message)  # type: ignore[union-attr]

    @property
    def quick_queue(self) -> Any:
        """The queue into which records go whose text the writer makes; ``None`` if the handler needs
        records of Python's.
        """
        if not _filters.is_static(self._options.filter):
            return None
        return getattr(getattr(self, "_transport", None), "quick_queue", None)

    def takes(self, name: str | None, level: Any) -> bool:
        """Whether it takes the records of a module and a level; for handlers whose filter looks at
        nothing else.
        """
        if level.no < self.level:
            return False
        asked = self._options.filter
        return asked is None or asked({"name": name, "level": level})

    def __repr__(self) -> str:
        return f"(id={self._options.number}, level={self.level}, sink={self._options.name})"

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._options.queue is not None:
            # Only the process that made the handler writes to its sink.
            state["_sink"] = state["_watched"] = None
        else:
            del state["_gate"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._options.queue is None:
            self._make_way()

    def emit(
        self,
        record: dict[str, Any],
        escape: str,
        from_decorator: bool,
        is_raw: bool,
        colored: Markup | None,
        refused: Exception | None = None,
    ) -> None:
        """Gives a record to the sink if the filter takes it; ``refused`` is why the queue has not taken
        it before.
        """
        options = self._options
        try:
            if refused is not None:
                raise refused
            if options.filter is not None and not options.filter(record):
                return
            message = Message(self._text(record, escape, from_decorator, is_raw, colored))
            message.record = record
            if options.queue is None:
                self._gate.put(message)
            elif not self._is_stopped:
                self._transport.put(message)
        except Exception:
            if not options.catch:
                raise
            report(options.number, record)

    def _text(
        self,
        record: dict[str, Any],
        escape: str,
        from_decorator: bool,
        is_raw: bool,
        colored: Markup | None,
    ) -> str:
        options = self._options
        if is_raw:
            text = options.format.raw(record, escape, colored)
        else:
            exception = record["exception"]
            shown = ""
            if exception:
                shown = options.formatter.format(*exception, from_decorator=from_decorator)
            text = options.format.text(record, shown, escape, colored)
        return serialized(text, record) if options.serialize else text

    def stop(self) -> None:
        """Stops the sink when all is written; called inside of the sink, when that is left."""
        self._is_stopped = True
        if self._options.queue is None:
            self._gate.close()
        elif self._is_on_writer():
            # The queue is drained by the thread that is here.
            threading.Thread(target=self._transport.stop, name="onewriter-stop").start()
        else:
            self._transport.stop()

    def has_queue(self) -> bool:
        """Whether what was put may not be written yet; inside of the sink nobody waits for that."""
        return (
            self._options.queue is not None and not self._is_stopped and not self._is_on_writer()
        )

    def complete(self, timeout: float) -> None:
        """Waits until all that was put before is written; raises `TimeoutError` after so many seconds."""
        self._transport.complete(timeout)

    def tasks(self) -> list:
        """What is to be awaited until the sink is done with all that it was given."""
        return [] if self._sink is None else self._sink.tasks_to_complete()

    def _is_on_writer(self) -> bool:
        return self._watched is not None and self._watched.is_here()

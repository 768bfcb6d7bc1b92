"""`check`: whether this process writes a file behind the back of the file's one writer."""

from __future__ import annotations

import logging
import os
import weakref
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import onewriter

from ._file_sink import FileSink
from ._files import OverFileQueue
from ._sinks import StandardSink

# Weak references to the handlers that a forked child has from its parent.
_inherited: list[weakref.ref[Any]] = []


class _Writer(NamedTuple):
    """Something in this process that lines of a file come from."""

    owner: Any
    words: str
    path: str
    cure: str = ""
    """What to do about it; empty if its lines go through the file's queue."""
    is_alone: bool = True
    """Whether its copy in a forked child writes the file itself."""


def check(*, warn: bool = False) -> list[str]:
    """Looks for files of which this process is a second writer.

    Lines of two writers can stand in each other, and when one of them rotates the file, those of
    the other are lost. It finds, among the handlers of `logging` and of `onewriter.logger`,

    * a `logging.FileHandler`, or a file of `logger.add` without `enqueue=True`, that writes a file
      which something else in this process writes, too;
    * one of these that a forked child has inherited: its parent writes the file as well.

    Args:
        warn: Whether `onewriter.logger` logs each finding with level WARNING.

    Returns:
        The findings: each names the handler, the file and the cure. Empty if all is well.
    """
    findings = []
    for writers in _by_file().values():
        for writer in writers:
            others = [other.words for other in writers if other is not writer]
            if writer.cure and others:
                findings.append(_finding(writer, "which is also written by " + ", ".join(others)))
            elif writer.cure and writer.is_alone and _is_inherited(writer.owner):
                findings.append(_finding(writer, "which the parent of this process writes, too"))
    if warn:
        for finding in findings:
            onewriter.logger.opt(depth=1).warning("{}", finding)
    return findings


def _finding(writer: _Writer, why: str) -> str:
    return f"{writer.words} writes {writer.path!r}, {why}: {writer.cure}"


def _is_inherited(owner: Any) -> bool:
    return any(one() is owner for one in _inherited)


def _by_file() -> dict[tuple[Any, ...], list[_Writer]]:
    found = defaultdict(list)
    for writer in (*_of_logging(), *_of_logger()):
        if os.path.isfile(writer.path) or not os.path.exists(writer.path):  # no /dev/null
            found[_identity(writer.path)].append(writer)
    return found


def _identity(path: str) -> tuple[Any, ...]:
    """The same for all spellings of a path, also while there is no such file."""
    folder, name = os.path.split(os.path.realpath(path))
    try:
        found = os.stat(folder)
    except OSError:
        return folder, name
    return found.st_dev, found.st_ino, name


def _of_logging() -> Iterator[_Writer]:
    found: dict[logging.FileHandler, list[str]] = defaultdict(list)
    loggers = logging.Logger.manager.loggerDict.copy().values()
    named = [one for one in loggers if isinstance(one, logging.Logger)]
    for one in (logging.getLogger(), *named):
        for handler in one.handlers:
            for end in _ends(handler):
                found[end].append(repr(one.name))
    for handler, names in found.items():
        words = f"{_class_of(handler)} of logger {', '.join(names)}"
        yield _standard(handler, words)


def _ends(handler: logging.Handler) -> Iterator[logging.FileHandler]:
    """The file handlers behind a handler: itself, its target, or those of its listener."""
    behind = [handler, getattr(handler, "target", None)]
    listener = getattr(handler, "listener", None)
    # In a forked child it does not run: there the handlers write nothing.
    thread = getattr(listener, "_thread", None)
    if thread is not None and thread.is_alive():
        behind += listener.handlers  # type: ignore[union-attr]
    yield from (one for one in behind if isinstance(one, logging.FileHandler))


def _class_of(handler: logging.Handler) -> str:
    """Its full name, as a program imports it: ours are called like the standard library's."""
    kind = type(handler)
    is_ours = kind.__module__.startswith("onewriter._")
    return f"{'onewriter.handlers' if is_ours else kind.__module__}.{kind.__qualname__}"


def _standard(handler: logging.FileHandler, words: str) -> _Writer:
    if isinstance(handler, OverFileQueue):
        return _Writer(handler, words, handler.baseFilename)
    cure = "use the handler of its name in onewriter.handlers"
    return _Writer(handler, words, handler.baseFilename, cure)


def _of_logger() -> Iterator[_Writer]:
    for number, handler in onewriter.logger._core.handlers.items():
        words, sink = f"handler {number} of onewriter.logger", handler._sink
        if isinstance(sink, StandardSink):
            for end in _ends(sink._handler):
                yield _standard(end, f"{_class_of(end)}, {words},")
        elif sink is None:
            queue = getattr(handler._transport, "queue", None)
            if queue is not None:  # else the sink is another process's
                yield _Writer(handler, words, queue.path)
        elif isinstance(sink, FileSink) and sink._path is not None:
            is_queued = handler._options.queue is not None
            cure = (
                "give both the same settings" if is_queued else "add enqueue=True to its logger.add"
            )
            yield _Writer(handler, words, sink._path, cure, not is_queued)


def _after_fork_in_child() -> None:
    handlers = onewriter.logger._core.handlers.values()
    _inherited[:] = [*logging._handlerList, *map(weakref.ref, handlers)]  # type: ignore[attr-defined]


os.register_at_fork(after_in_child=_after_fork_in_child)

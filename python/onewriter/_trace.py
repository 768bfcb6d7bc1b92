"""Tracebacks as text: beyond the place of catching, with colours and the values of variables."""

from __future__ import annotations

import linecache
import os
import re
import site
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from ._trace_source import BOX, DEFAULT_THEME, PLAIN, Arrows, hanging, highlighted, values

_OWN_DIRECTORY = os.path.dirname(__file__) + os.sep
_MOST_REPEATS = 3
_LONG_CHAIN = 50
_MOST_IN_GROUP = 15
_DEEPEST_GROUP = 10

_BOLD = "\x1b[1m"
_SYNTAX_ERROR_PLACE = re.compile(r'  File "(?P<path>.*)", line (?P<line>\d+)')
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"


@cache
def _library_directories() -> tuple[str, ...]:
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found.update(site.getsitepackages())
    found.add(sysconfig.get_path("purelib", f"{os.name}_user"))
    return tuple(path.rstrip(os.sep) + os.sep for path in found)


def _is_users(path: str) -> bool:
    """Whether this is the user's own code, which is coloured and set apart, and not a library's."""
    if not path.lower().endswith(".py"):
        return False
    return not os.path.abspath(path).startswith(_library_directories())


def _is_own(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OWN_DIRECTORY)


class _Frame(NamedTuple):
    """One line of the stack."""

    frame: FrameType
    line: int
    is_marked: bool

    def where(self) -> tuple[str, int, str, bool]:
        """What must be equal for two frames to count as a repetition."""
        code = self.frame.f_code
        return code.co_filename, self.line, code.co_name, self.is_marked

    def source(self) -> str:
        """The line of source, without the spaces around it; empty if there is none."""
        if not self.line:
            return ""
        path, scope = self.frame.f_code.co_filename, self.frame.f_globals
        linecache.checkcache(path)
        return linecache.getline(path, self.line, scope).strip()


class _Link(NamedTuple):
    """One exception of a chain; its summary is there if the chain is long."""

    value: BaseException | None
    frames: list[_Frame]
    summary: traceback.TracebackException | None


_Place = tuple[FrameType, int]


def _below(tb: TracebackType | None) -> list[_Place]:
    found = []
    while tb is not None:
        if not _is_own(tb.tb_frame):
            # Some lines have no number since Python 3.10.
            found.append((tb.tb_frame, tb.tb_lineno or 0))
        tb = tb.tb_next
    return found


def _callers(frame: FrameType | None) -> Iterator[_Place]:
    while frame is not None:
        if not _is_own(frame):
            yield frame, frame.f_lineno or 0
        frame = frame.f_back


def _frames(places: list[_Place], marked: int | None) -> list[_Frame]:
    frames = [_Frame(frame, line, at == marked) for at, (frame, line) in enumerate(places)]
    limit = getattr(sys, "tracebacklimit", None)
    if not isinstance(limit, int):
        return frames
    return frames[-limit:] if limit > 0 else []


def _earlier(error: BaseException | None) -> tuple[BaseException | None, str]:
    """The exception that led to this one, and how."""
    cause = getattr(error, "__cause__", None)
    if cause is not None:
        return cause, _CAUSE
    if getattr(error, "__suppress_context__", False):
        return None, ""
    return getattr(error, "__context__", None), _CONTEXT


def _is_group(error: BaseException | None) -> bool:
    # By name: the class is new in Python 3.11, and there is a package that brings it to 3.10.
    return any(base.__name__ == "BaseExceptionGroup" for base in error.__class__.__mro__)


def _led(lines: Iterable[str], depth: int, *, is_group: bool = False) -> Iterator[str]:
    """The lines behind the bar of the group that they belong to, if they do."""
    lead = "  " * (depth + 1) + "| " if depth or is_group else ""
    for text in lines:
        for line in text.split("\n"):
            yield lead + line if line else lead.rstrip()


class ExceptionFormatter:
    """Makes the text of an exception, as Loguru does; it never raises because of what it shows.

    Args:
        colorize: whether to write ANSI colours. Default: no.
        backtrace: whether the stack goes on above the place where the exception was caught, which
            is then marked by ``>``. Default: no.
        diagnose: whether the values of variables stand under their names. Default: yes.
        encoding: the encoding of the output; where it has no box characters, ``|`` and ``->`` are
            used. Default: ``"ascii"``.
        prefix: what comes before the text of every exception. Default: nothing.
        theme: the styles of tokens that are to differ from `_trace_source.DEFAULT_THEME`, by kind
            of token. Default: none.
    """

    def __init__(
        self,
        *,
        colorize: bool = False,
        backtrace: bool = False,
        diagnose: bool = True,
        encoding: str | None = "ascii",
        prefix: str = "",
        theme: Mapping[str, str] | None = None,
    ) -> None:
        self._colorize, self._backtrace, self._diagnose = colorize, backtrace, diagnose
        self._prefix = prefix
        self._theme = {**DEFAULT_THEME, **(theme or {})}
        self._arrows = _arrows_in(encoding)

    def format(
        self,
        type_: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
        *,
        from_decorator: bool = False,
    ) -> str:
        """The text of the exception, which ends in a newline.

        Args:
            type_, value, tb: as `sys.exc_info` gives them.
            from_decorator: whether a decorator caught it: the function's caller is then shown, too.
        """
        try:
            above = self._above(tb, from_decorator)
            marked = len(above) - from_decorator if self._backtrace else None
            lines = list(self._chain(value, _frames(above + _below(tb), marked), set(), depth=0))
        except Exception as failure:
            name = getattr(type_, "__name__", "exception")
            lines = [f"<unprintable {name}: its formatting raised {type(failure).__name__}>"]
        return self._prefix + "".join(f"{line}\n" for line in lines)

    def _styled(self, text: str, style: str) -> str:
        return f"{style}{text}\x1b[0m" if self._colorize else text

    def _above(self, tb: TracebackType | None, from_decorator: bool) -> list[_Place]:
        """Where the catching code was called from, as far as it is to be shown."""
        if tb is None:
            return []
        callers = list(_callers(tb.tb_frame.f_back))
        if not self._backtrace:
            callers = callers[:1] if from_decorator else []
        return callers[::-1]

    def _chain(
        self, value: BaseException | None, frames: list[_Frame], seen: set[int], depth: int
    ) -> Iterator[str]:
        """The exceptions that led to this one, then this one."""
        errors, sentences = [value], []
        while True:
            seen.add(id(errors[-1]))
            earlier, sentence = _earlier(errors[-1])
            if earlier is None or id(earlier) in seen:
                break
            errors.append(earlier)
            sentences.append(sentence)
        earlier_stacks = (getattr(error, "__traceback__", None) for error in errors[1:])
        stacks = [frames, *(_frames(_below(tb), None) for tb in earlier_stacks)]
        links = list(map(_Link, errors, stacks, _summaries(errors)))
        space = "\n" if self._diagnose else ""
        while links:
            link = links.pop()
            if not _is_group(link.value):
                yield from _led(self._one(link, "Traceback"), depth)
            elif depth < _DEEPEST_GROUP:
                yield from self._group(link, seen, depth)
            else:
                yield from _led((f"... (max_group_depth is {_DEEPEST_GROUP})",), depth)
            if links:
                yield from _led((space, self._styled(sentences.pop(), _BOLD), space), depth)

    def _group(self, group: _Link, seen: set[int], depth: int) -> Iterator[str]:
        """A group: its own stack and message, then its members, each one step further right."""
        lines = _led(self._one(group, "Exception Group Traceback"), depth, is_group=True)
        first = next(lines, "")
        yield f"  + {first[4:]}" if group.frames and depth == 0 else first
        yield from lines
        indent = "  " * (depth + 1)
        members = list(getattr(group.value, "exceptions", ()))
        shown = members[:_MOST_IN_GROUP]
        for number, member in enumerate(shown, 1):
            corner = "+-" if number == 1 else "  "
            yield f"{indent}{corner}+---------------- {number} ".ljust(len(indent) + 38, "-")
            frames = _frames(_below(member.__traceback__), None)
            yield from self._chain(member, frames, seen, depth + 1)
        if len(members) > len(shown):
            yield f"{indent}  +--------------- ... ---------------"
            yield from _led((f"and {len(members) - len(shown)} more exceptions",), depth + 1)
        elif not shown or (_is_group(shown[-1]) and depth + 1 < _DEEPEST_GROUP):
            return  # The last member's own end is the end of both.
        yield f"{indent}  +{'-' * 36}"

    def _one(self, link: _Link, title: str) -> Iterator[str]:
        """One exception: its stack and its message."""
        value, frames, _ = link
        if frames:
            yield self._styled(f"{title} (most recent call last):", "\x1b[33m\x1b[1m")
            yield from self._stack(frames)
        lines = _message_lines(link)
        at = next((i for i, line in enumerate(lines) if not line.startswith(" ")), len(lines))
        if self._diagnose and at and isinstance(value, SyntaxError):
            yield from self._space_before(lines[0], frames)
        for line in lines[:at]:
            yield self._syntax_error_line(line)
        if self._diagnose and frames:
            yield ""
        for line in lines[at : at + 1]:
            yield self._message(line, value, frames)
        yield from lines[at + 1 :]

    def _space_before(self, line: str, frames: list[_Frame]) -> Iterator[str]:
        """The empty line before the place of a syntax error: the user's places are set apart."""
        place = _SYNTAX_ERROR_PLACE.fullmatch(line)
        paths = [frame.frame.f_code.co_filename for frame in frames[-1:]]
        paths += [place["path"]] if place else []
        if any(map(_is_users, paths)):
            yield ""

    def _syntax_error_line(self, line: str) -> str:
        place = _SYNTAX_ERROR_PLACE.fullmatch(line)
        if place is None or not (self._colorize and _is_users(place["path"])):
            return line
        return "  " + _place(place["path"], place["line"], is_colored=True)

    def _message(self, line: str, value: BaseException | None, frames: list[_Frame]) -> str:
        name, colon, text = line.partition(":")
        name = self._styled(name, "\x1b[31m\x1b[1m")
        if colon:
            return f"{name}:{self._styled(text, _BOLD)}"
        if not (self._diagnose and frames and isinstance(value, AssertionError)):
            return name
        # A bare `assert` says nothing; its source does.
        source = frames[-1].source()
        if self._colorize:
            source = highlighted(source, self._theme)
        return f"{name}: {source}" if source else name

    def _stack(self, frames: list[_Frame]) -> Iterator[str]:
        repeats = 0
        was_spaced = self._diagnose
        for index, frame in enumerate(frames):
            is_repeat = index > 0 and frame.where() == frames[index - 1].where()
            repeats = repeats + 1 if is_repeat else 0
            if repeats < _MOST_REPEATS:
                is_users = _is_users(frame.frame.f_code.co_filename)
                is_spaced = self._diagnose and is_users
                if is_spaced or was_spaced:
                    yield ""
                yield from self._frame(frame, is_colored=self._colorize and is_users)
                was_spaced = is_spaced
                continue
            if index + 1 == len(frames) or frames[index + 1].where() != frame.where():
                more = repeats - _MOST_REPEATS + 1
                yield f"  [Previous line repeated {more} more time{'s' if more > 1 else ''}]"

    def _frame(self, frame: _Frame, is_colored: bool) -> Iterator[str]:
        code = frame.frame.f_code
        place = _place(code.co_filename, str(frame.line), is_colored)
        function = f"\x1b[35m{code.co_name}\x1b[0m" if is_colored else code.co_name
        yield f"{'>' if frame.is_marked else ' '} {place}, in {function}"
        source = frame.source()
        if not source:
            return
        lines = [highlighted(source, self._theme) if is_colored else source]
        if self._diagnose:
            scopes = (frame.frame.f_locals, frame.frame.f_globals)
            lines += hanging(values(source, scopes), self._arrows, is_colored)
        yield "    " + "\n    ".join(lines).rstrip()


def _place(path: str, line: str, is_colored: bool) -> str:
    if is_colored:
        name = os.path.basename(path)
        path = f"\x1b[32m{path[: len(path) - len(name)]}\x1b[0m\x1b[32m\x1b[1m{name}\x1b[0m"
        line = f"\x1b[33m{line}\x1b[0m"
    return f'File "{path}", line {line}'


def _arrows_in(encoding: str | None) -> Arrows:
    try:
        "".join(BOX).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError, TypeError):
        return PLAIN
    return BOX


def _summaries(errors: list[BaseException | None]) -> list[traceback.TracebackException | None]:
    """What `traceback` makes of a long chain, which it would walk anew for each exception."""
    if len(errors) <= _LONG_CHAIN:
        return [None] * len(errors)
    last: Any = errors[0]
    found: list[traceback.TracebackException | None] = [
        traceback.TracebackException(type(last), last, None, limit=0, compact=True)
    ]
    for _ in errors[1:]:
        summary = found[-1]
        found.append(summary and (summary.__cause__ or summary.__context__))
    return found


def _message_lines(link: _Link) -> list[str]:
    """The exception without its stack; one whose text cannot be had is named."""
    kind = type(link.value)
    try:
        if link.summary is not None:
            lines = list(link.summary.format_exception_only())
        else:
            lines = traceback.format_exception_only(kind, link.value)
    except Exception:
        lines = [f"{kind.__name__}: <exception str() failed>"]
    return [line.removesuffix("\n") for line in lines]

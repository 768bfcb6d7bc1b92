"""One line of Python source in a traceback: its colours, and the values of the names in it."""

from __future__ import annotations

import inspect
import keyword
import tokenize
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

LONGEST_VALUE = 128
"""Characters of a value that are shown; what is longer ends in ``...``."""

DEFAULT_THEME: Mapping[str, str] = {
    "comment": "\x1b[30m\x1b[1m{}\x1b[0m",
    "keyword": "\x1b[35m\x1b[1m{}\x1b[0m",
    "constant": "\x1b[36m\x1b[1m{}\x1b[0m",
    "string": "\x1b[36m{}\x1b[0m",
    "number": "\x1b[34m\x1b[1m{}\x1b[0m",
    "operator": "\x1b[35m\x1b[1m{}\x1b[0m",
    "punctuation": "\x1b[1m{}\x1b[0m",
    "identifier": "\x1b[1m{}\x1b[0m",
}
"""The style of each kind of token: text in which ``{}`` stands for the token."""

_CONSTANTS = frozenset(("None", "True", "False"))
_PUNCTUATION = frozenset("()[]{},:;")
_UNKNOWN = object()


class Arrows(NamedTuple):
    """The characters that lead from a name down to its value."""

    pipe: str
    corner: str


BOX = Arrows("\u2502", "\u2514")
PLAIN = Arrows("|", "->")


class Value(NamedTuple):
    """A value to be shown under the source."""

    column: int
    text: str


class _Token(NamedTuple):
    kind: str
    text: str
    column: int
    end: int


def _kind(token: tokenize.TokenInfo) -> str | None:
    name = tokenize.tok_name[token.type]
    # Since Python 3.12 an f-string comes in parts, and in 3.14 a t-string does.
    if name == "STRING" or name.startswith(("FSTRING", "TSTRING")):
        return "string"
    if name == "NAME":
        if token.string in _CONSTANTS:
            return "constant"
        return "keyword" if keyword.iskeyword(token.string) else "identifier"
    if name == "OP":
        return "punctuation" if token.string in _PUNCTUATION else "operator"
    return {"NUMBER": "number", "COMMENT": "comment"}.get(name)


def _tokens(source: str) -> Iterator[_Token]:
    """The tokens of a line, which can be any part of a statement, up to where it makes no sense."""
    try:
        for token in tokenize.generate_tokens(iter((source,)).__next__):
            kind = _kind(token)
            if kind is not None and token.string and token.start[0] == token.end[0] == 1:
                yield _Token(kind, token.string, token.start[1], token.end[1])
    except (tokenize.TokenError, SyntaxError):
        return


def highlighted(source: str, theme: Mapping[str, str]) -> str:
    """The line in the theme's colours; what is not Python stays as it is."""
    parts = []
    tokens = list(_tokens(source))
    at = 0
    for token, following in zip(tokens, [*tokens[1:], None]):
        parts.append(source[at : token.column])
        at = token.end
        # Of doubled braces in an f-string the second belongs to no token.
        if following is not None and source[at : following.column] in ("{", "}"):
            at += 1
        # The source and not the token's text, in which such braces are single.
        parts.append(theme[token.kind].replace("{}", source[token.column : at]))
    parts.append(source[at:])
    return "".join(parts)


def _name(name: str, scopes: tuple[Mapping[str, Any], ...]) -> Any:
    for scope in scopes:
        try:
            return scope[name]
        except Exception:  # A class body's scope can be any mapping.
            continue
    return _UNKNOWN


def _attribute(owner: Any, name: str) -> Any:
    # The static lookup runs no code of the object: a property is shown as what it is.
    try:
        return inspect.getattr_static(owner, name)
    except Exception:
        return _UNKNOWN


def values(source: str, scopes: tuple[Mapping[str, Any], ...]) -> list[Value]:
    """The values of the line's names and attributes in these scopes, from left to right."""
    found = []
    tokens = list(_tokens(source))
    owner: Any = _UNKNOWN
    for index, token in enumerate(tokens):
        if token.text == ".":
            continue
        previous = tokens[index - 1].text if index > 0 else ""
        is_attribute = previous == "."
        if token.kind != "identifier":
            owner = _UNKNOWN
            continue
        if not is_attribute:
            owner = _name(token.text, scopes)
        elif owner is not _UNKNOWN:
            owner = _attribute(owner, token.text)
        following = tokens[index + 1].text if index + 1 < len(tokens) else ""
        # Loguru shows what a later statement of the line assigns to.
        is_target = following == "=" and previous not in (".", ";")
        if owner is not _UNKNOWN and not is_target:
            found.append(Value(token.column, shown(owner)))
    return found


def shown(value: Any) -> str:
    """The value's ``repr``, cut to `LONGEST_VALUE` characters; a placeholder if it has none."""
    try:
        text = repr(value)
    except Exception:
        return f"<unprintable {type(value).__name__} object>"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def hanging(found: list[Value], arrows: Arrows, is_colored: bool) -> list[str]:
    """The lines under the source: a corner at a name, and pipes to those that are further left."""
    pattern = "\x1b[36m{}\x1b[0m\x1b[36m\x1b[1m{}\x1b[0m" if is_colored else "{}{}"
    lines = []
    for index in reversed(range(len(found))):
        pipes = ""
        for value in found[:index]:
            pipes = pipes.ljust(value.column) + arrows.pipe
        pipes = pipes.ljust(found[index].column)
        lead = f"{pipes}{arrows.corner} "
        for line in found[index].text.split("\n"):
            lines.append(pattern.format(lead, line))
            lead = pipes + " " * (len(arrows.corner) + 1)
    return lines

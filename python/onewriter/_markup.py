"""Colour markup: ``<red>``, ``<level>``, ``<bg #00ff00>``, as in Loguru's formats and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from string import Formatter
from typing import Any

RESET = "\x1b[0m"

_TAG = re.compile(r"(\\*)(</?(?:[fb]g\s)?[^<>\s]*>)")

_STYLES = {
    ("b", "bold"): 1,
    ("d", "dim"): 2,
    ("n", "normal"): 22,
    ("i", "italic"): 3,
    ("u", "underline"): 4,
    ("l", "blink"): 5,
    ("v", "reverse"): 7,
    ("h", "hide"): 8,
    ("s", "strike"): 9,
}
_COLORS = {
    ("k", "black"): 0,
    ("r", "red"): 1,
    ("g", "green"): 2,
    ("y", "yellow"): 3,
    ("e", "blue"): 4,
    ("m", "magenta"): 5,
    ("c", "cyan"): 6,
    ("w", "white"): 7,
}


def _named() -> dict[str, str]:
    codes = {name: str(code) for names, code in _STYLES.items() for name in names}
    for (short, name), number in _COLORS.items():
        for key in (short, name):
            codes[key] = str(30 + number)
            codes[key.upper()] = str(40 + number)
        for key in (f"l{short}", f"light-{name}"):
            codes[key] = str(90 + number)
            codes[key.upper()] = str(100 + number)
    return codes


_NAMED = _named()
_BASE = {"fg": (38, 30, 90), "bg": (48, 40, 100)}


def _explicit(layer: str, color: str) -> str | None:
    extended, normal, light = _BASE[layer]
    for (short, name), number in _COLORS.items():
        if color.lower() in (short, name):
            return str(normal + number)
        if color.lower() in (f"l{short}", f"light-{name}"):
            return str(light + number)
    if color.isdigit() and int(color) <= 255:
        return f"{extended};5;{int(color)}"
    if re.fullmatch(r"#[0-9a-fA-F]{3}(?:[0-9a-fA-F]{3})?", color):
        # Loguru reads "#F12" as "#F12F12", and its users' colours should stay as they are.
        digits = color[1:] if len(color) == 7 else color[1:] * 2
        red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
        return f"{extended};2;{red};{green};{blue}"
    parts = color.split(",")
    if len(parts) == 3 and all(part.isdigit() and int(part) <= 255 for part in parts):
        return f"{extended};2;{';'.join(str(int(part)) for part in parts)}"
    return None


@lru_cache(maxsize=256)
def code_of(tag: str) -> str | None:
    """The escape sequence of a tag's name, or ``None`` if it has none."""
    layer, _, color = tag.partition(" ")
    code = _explicit(layer, color) if layer in _BASE and color else _NAMED.get(tag)
    return None if code is None else f"\x1b[{code}m"


class _Level:
    """Stands among the parts of a text for the colour of the record's level."""


class _Reset:
    """Stands among the parts of a text for the end of all colours that it began."""


@lru_cache(maxsize=256)
def _pieces(text: str) -> list[tuple[str, bool]]:
    """The pieces of a text, and whether each is a tag."""
    pieces, end = [], 0
    for found in _TAG.finditer(text):
        escapes, tag = found.groups()
        is_tag = len(escapes) % 2 == 0
        before = text[end : found.start()] + "\\" * (len(escapes) // 2)
        pieces += [(before, False), (tag, is_tag)]
        end = found.end()
    pieces.append((text[end:], False))
    return [piece for piece in pieces if piece[0]]


class Markup:
    """A text taken apart: strings, escape sequences, `_Level` and `_Reset`."""

    def __init__(self) -> None:
        self._parts: list[tuple[bool, Any]] = []  # (whether it is text, part)
        self._open: list[tuple[str, Any]] = []  # (name of the tag, its code)

    def feed(self, text: str) -> Markup:
        """Reads more text, with tags."""
        for piece, is_tag in _pieces(text):
            if not is_tag:
                self._parts.append((True, piece))
            elif piece.startswith("</"):
                self._end(piece)
            else:
                self._begin(piece)
        return self

    def feed_plain(self, text: str) -> Markup:
        """Reads more text, in which nothing is a tag."""
        if text:
            self._parts.append((True, text))
        return self

    def done(self) -> Markup:
        """Refuses, with `ValueError`, a text whose last tags are not closed."""
        if self._open:
            raise ValueError(
                f'Opening tag "<{self._open[-1][0]}>" has no corresponding closing tag'
            )
        return self

    def _begin(self, tag: str) -> None:
        name = tag[1:-1]
        code = _Level if name in ("level", "lvl") else code_of(name)
        if code is None:
            raise ValueError(
                f'Tag "{tag}" does not correspond to any known color directive, make sure you '
                "did not misspelled it (or prepend '\\' to escape it)"
            )
        self._open.append((name, code))
        self._parts.append((False, code))

    def _end(self, tag: str) -> None:
        name = tag[2:-1]
        if not self._open or (name and name not in [known for known, _ in self._open]):
            raise ValueError(f'Closing tag "{tag}" has no corresponding opening tag')
        if name and self._open[-1][0] != name:
            raise ValueError(f'Closing tag "{tag}" violates nesting rules')
        self._open.pop()
        self._parts.append((False, _Reset))
        self._parts.extend((False, code) for code in self.open_codes())

    def open_codes(self) -> list[Any]:
        """The codes of the tags that are open at the end."""
        return [code for _, code in self._open]

    def has_level(self) -> bool:
        """Whether there is a tag for the colour of the record's level."""
        return any(part is _Level for _, part in self._parts)

    def strip(self) -> str:
        """The text without its tags."""
        return "".join([part for is_text, part in self._parts if is_text])

    def color(self, level: str, *, around: str = "") -> str:
        """The text with escape sequences: those of the level, and what goes on after each."""
        exchanged = {_Level: level, _Reset: RESET + around}
        return "".join(
            [part if is_text else exchanged.get(part, part) for is_text, part in self._parts]
        )


def escape_of(tags: str) -> str:
    """The escape sequences of a level's ``color``, such as ``"<red><bold>"``."""
    markup = Markup().feed(tags.strip())
    if markup.has_level():
        raise ValueError(
            "The '<level>' color tag is not allowed in this context, it has not yet been "
            "associated to any color value."
        )
    return markup.color("")


class Template:
    """A format string with tags. Nothing between its braces is a tag."""

    def __init__(self, text: str) -> None:
        self._markup = Markup()
        self._around: list[list[Any]] = []
        for literal, field, spec, conversion in Formatter().parse(text):
            self._markup.feed(literal.replace("{", "{{").replace("}", "}}"))
            if field is None:
                continue
            _check_depth(spec)
            if field == "message":
                self._around.append(self._markup.open_codes())
            conversion = f"!{conversion}" if conversion else ""
            spec = f":{spec}" if spec else ""
            self._markup.feed_plain(f"{{{field}{conversion}{spec}}}")
        self.plain = self._markup.done().strip()
        self._colored: dict[str, str] = {}

    def colored(self, level: str) -> str:
        """The format string with escape sequences; ``level`` is that of the record's level."""
        text = self._colored.get(level)
        if text is None:
            text = self._colored[level] = self._markup.color(level)
        return text

    def around_messages(self, level: str) -> Iterator[str]:
        """The escape sequences that are in force at each ``{message}``."""
        for codes in self._around:
            yield "".join([level if code is _Level else code for code in codes])


def _check_depth(spec: str | None, deepest: int = 1) -> None:
    """Refuses, as `str.format` does, fields in the specification of a field of a specification."""
    for _, field, below, _ in Formatter().parse(spec or ""):
        if field is None:
            continue
        if not deepest:
            raise ValueError("Max string recursion exceeded")
        _check_depth(below, deepest - 1)


@lru_cache(maxsize=256)
def template(text: str) -> Template:
    """A format string that a function has made, parsed once."""
    return Template(text)


class _Filler(Formatter):
    """Formats a message with tags; in its arguments nothing is a tag."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._args, self._kwargs = args, kwargs
        self._automatic: int | None = None

    def fill(self, markup: Markup, message: str) -> Markup:
        for literal, field, spec, conversion in self.parse(message):
            markup.feed(literal)
            if field is not None:
                markup.feed_plain(self._formatted(field, spec, conversion, depth=2))
        return markup

    def _formatted(self, field: str, spec: str | None, conversion: str | None, depth: int) -> str:
        depth -= 1
        if depth < 0:
            raise ValueError("Max string recursion exceeded")
        value, _ = self.get_field(self._numbered(field), self._args, self._kwargs)
        value = self.convert_field(value, conversion)
        inner = [
            literal + ("" if name is None else self._formatted(name, below, how, depth))
            for literal, name, below, how in self.parse(spec or "")
        ]
        formatted: str = self.format_field(value, "".join(inner))
        return formatted

    def _numbered(self, field: str) -> str:
        """The field with its number, if it has neither number nor name."""
        first = re.split(r"[.\[]", field, maxsplit=1)[0]
        if first and not first.isdigit():
            return field
        if self._automatic is not None and bool(self._automatic) is bool(first):
            # What `string.Formatter` says, whichever of the two comes first.
            raise ValueError(
                "cannot switch from manual field specification to automatic field numbering"
            )
        if first:
            self._automatic = 0
            return field
        self._automatic = (self._automatic or 0) + 1
        return f"{self._automatic - 1}{field}"


def parse_message(message: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Markup:
    """Takes a message with tags apart; if there are arguments, it is a format string for them."""
    markup = Markup()
    if args or kwargs:
        return _Filler(args, kwargs).fill(markup, message).done()
    return markup.feed(str(message)).done()


def parse_template_string(message: Any, *, has_tags: bool) -> Markup:
    """Takes a t-string apart; in its values nothing is a tag."""
    markup, formatter = Markup(), Formatter()
    for part in message:
        if isinstance(part, str):
            markup.feed(part) if has_tags else markup.feed_plain(part)
        else:
            value = formatter.convert_field(part.value, part.conversion)
            markup.feed_plain(format(value, part.format_spec))
    return markup.done()

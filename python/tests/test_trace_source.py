"""One line of source: its colours, and the values under its names."""

from __future__ import annotations

import sys

import pytest
from onewriter._trace_source import (
    BOX,
    DEFAULT_THEME,
    PLAIN,
    Value,
    hanging,
    highlighted,
    shown,
    values,
)

LETTERS = {kind: f"{kind[0].upper()}({{}})" for kind in DEFAULT_THEME}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("return x  # why", "K(return) I(x)  C(# why)"),
        ("a.b[0] += None", "I(a)O(.)I(b)P([)N(0)P(]) O(+=) C(None)"),
        ("f(x: int = 'y') -> ...", "I(f)P(()I(x)P(:) I(int) O(=) S('y')P()) O(->) O(...)"),
        ("match rb'x' := 1_0", "I(match) S(rb'x') O(:=) N(1_0)"),
        ("x = '''begun", "I(x) O(=) '''begun"),
        (") + foo(", "P()) O(+) I(foo)P(()"),
        # From 3.12 on Python takes them for operators.
        ("a ? $", "I(a) ? $" if sys.version_info < (3, 12) else "I(a) O(?) O($)"),
        ("", ""),
    ],
)
def test_each_token_has_its_style_and_what_is_none_stays(source, expected):
    assert highlighted(source, LETTERS) == expected


def test_doubled_braces_of_an_f_string_are_one_piece_of_it():
    source = "f'{{ {a}}}{{{b} }}'"
    parts = "S(f')S({{)S( )P({)I(a)P(})S(}})S({{)P({)I(b)P(})S( }})S(')"
    # Before 3.12 an f-string is one token.
    expected = f"S({source})" if sys.version_info < (3, 12) else parts
    assert highlighted(source, LETTERS) == expected


def test_the_default_theme_is_that_of_loguru():
    assert highlighted("if x: 1", DEFAULT_THEME) == (
        "\x1b[35m\x1b[1mif\x1b[0m \x1b[1mx\x1b[0m\x1b[1m:\x1b[0m \x1b[34m\x1b[1m1\x1b[0m"
    )


class Thing:
    kind = "thing"

    def __init__(self):
        self.part = "part"

    @property
    def explosive(self):
        raise RuntimeError("a property must not be asked")

    def __repr__(self):
        return "Thing()"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a + b", [(0, "1"), (4, "2")]),
        ("a + a", [(0, "1"), (4, "1")]),
        ("unknown + b", [(10, "2")]),
        ("b = a", [(4, "1")]),
        ("f(a=b)", [(4, "2")]),
        ("a; b = a", [(0, "1"), (3, "2"), (7, "1")]),
        ("b == a", [(0, "2"), (5, "1")]),
        (
            "thing.part.upper",
            [(0, "Thing()"), (6, "'part'"), (11, "<method 'upper' of 'str' objects>")],
        ),
        ("thing . kind", [(0, "Thing()"), (8, "'thing'")]),
        ("thing.part = a", [(0, "Thing()"), (6, "'part'"), (13, "1")]),
        ("thing.nothing.part", [(0, "Thing()")]),
        ("unknown.part", []),
        ("g(thing).part", [(2, "Thing()")]),
        ("print(a)", [(6, "1")]),
        ("None or True", []),
        ("'a' + a", [(6, "1")]),
        ("1 / a  # b", [(4, "1")]),
    ],
)
def test_names_and_attributes_have_values_but_not_the_targets(source, expected):
    scopes = ({"a": 1, "thing": Thing()}, {"a": "hidden", "b": 2})
    assert values(source, scopes) == [Value(*value) for value in expected]


def test_a_property_is_shown_and_not_asked():
    (_, value) = values("thing.explosive", ({"thing": Thing()},))
    assert value.text.startswith("<property object at ")


def test_a_scope_that_raises_has_no_names():
    class Hostile(dict):
        def __getitem__(self, name):
            raise RuntimeError(name)

    assert values("a", (Hostile(), {"a": 1})) == [Value(0, "1")]


def test_a_long_value_is_cut():
    assert shown("x" * 126) == "'" + "x" * 126 + "'"
    assert shown("x" * 127) == "'" + "x" * 124 + "..."
    assert len(shown("x" * 127)) == 128


def test_a_value_that_cannot_be_shown_has_a_placeholder():
    class Hostile:
        def __repr__(self):
            raise RuntimeError

    class Wrong:
        def __repr__(self):
            return 3

    assert shown([Hostile()]) == "<unprintable list object>"
    assert shown(Hostile()) == "<unprintable Hostile object>"
    assert shown(Wrong()) == "<unprintable Wrong object>"


def test_values_hang_from_their_names():
    assert hanging([Value(0, "1"), Value(4, "2"), Value(9, "3")], BOX, False) == [
        "\u2502   \u2502    \u2514 3",
        "\u2502   \u2514 2",
        "\u2514 1",
    ]


@pytest.mark.parametrize(
    ("arrows", "expected"),
    [
        (BOX, ["\u2502 \u2514 [1", "\u2502    2]", "\u2514 0"]),
        (PLAIN, ["| -> [1", "|     2]", "-> 0"]),
    ],
)
def test_further_lines_of_a_value_stand_below_its_first(arrows, expected):
    assert hanging([Value(0, "0"), Value(2, "[1\n 2]")], arrows, False) == expected


def test_only_a_newline_ends_a_line_of_a_value():
    assert hanging([Value(0, "a\r\u2028b\n")], BOX, False) == ["\u2514 a\r\u2028b", "  "]


def test_values_are_cyan():
    assert hanging([Value(2, "1")], BOX, True) == [
        "\x1b[36m  \u2514 \x1b[0m\x1b[36m\x1b[1m1\x1b[0m"
    ]

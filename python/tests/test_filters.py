"""Which records a handler takes."""

from types import SimpleNamespace

import pytest

from onewriter import _filters
from onewriter._levels import standard


def taken(given, name="a.b", no=20):
    """Whether a handler with this filter takes a record of this module and level."""
    asked = _filters.make(given, standard())
    return asked is None or asked({"name": name, "level": SimpleNamespace(no=no)})


@pytest.mark.parametrize(
    "given", [None, "", "a", "a.b", {}, {"": 20}, {"a": "INFO", "a.b.c": False}, {"a.": False}]
)
def test_it_is_taken_in(given):
    assert taken(given)


@pytest.mark.parametrize(
    "given", ["b", "a.b.c", "a.", "aa", {"": False}, {"a": 21}, {"": 0, "a.b": "ERROR"}]
)
def test_it_is_left_out(given):
    assert not taken(given)


def test_the_nearest_module_above_decides():
    given = {"": "ERROR", "a": True, "a.b": False, "a.b.c": 10}
    names = ("x", "a", "a.x", "a.b", "a.b.x", "a.b.c", "a.b.c.x", "a.bb")
    assert [taken(given, name) for name in names] == [
        False,
        True,
        True,
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        (None, True),
        ("", False),
        ("a", False),
        ({}, True),
        ({"": False}, True),
        ({None: False}, False),
        ({None: 20}, True),
    ],
)
def test_a_record_without_a_module_has_rules_of_its_own(given, is_taken):
    assert taken(given, name=None) is is_taken


def test_a_function_is_asked():
    assert _filters.make(taken, {}) is taken


@pytest.mark.parametrize(
    ("given", "kind", "error"),
    [
        (1, TypeError, "Invalid filter, it should be a function, a string or a dict, not: 'int'"),
        (
            {1: 10},
            TypeError,
            "The filter dict contains an invalid module, it should be a string (or None), "
            "not: 'int'",
        ),
        (
            {"a": None},
            TypeError,
            "The filter dict contains a module 'a' associated to an invalid level, it should be "
            "an integer, a string or a boolean, not: 'NoneType'",
        ),
        (
            {"a": -1},
            ValueError,
            "The filter dict contains a module 'a' associated to an invalid level, it should be "
            "a positive integer, not: '-1'",
        ),
        (
            {"a": "NOPE"},
            ValueError,
            "The filter dict contains a module 'a' associated to a level name which does not "
            "exist: 'NOPE'",
        ),
        (
            filter,
            ValueError,
            "The built-in 'filter()' function cannot be used as a 'filter' parameter, this is "
            "most likely a mistake (please double-check the arguments passed to 'logger.add()').",
        ),
    ],
)  # fmt: skip
def test_another_filter_is_refused_and_named(given, kind, error):
    with pytest.raises(kind) as caught:
        _filters.make(given, standard())
    assert str(caught.value) == error

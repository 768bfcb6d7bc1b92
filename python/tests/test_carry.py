"""Objects as bytes between processes."""

from __future__ import annotations

import logging
import marshal
import sys
from typing import Any

import pytest

from onewriter import _carry


def carried(item: object) -> Any:
    return _carry.loads(marshal.loads(_carry.dumps(item)))[0]


class Ratio(float):
    """A number that `marshal` would take for a float."""


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("stays here")

    def __repr__(self) -> str:
        return "Unpicklable()"


class Unprintable(Unpicklable):
    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Lost(Exception):
    """It can be pickled and not be unpickled: the usual mistake with an `__init__` of one's own."""

    def __init__(self, one: object, two: object) -> None:
        super().__init__(f"{one} {two}")


class OwnRecord(logging.LogRecord):
    pass


PLAIN = [None, True, 1, -(2**70), 1.5, "ä\ud800", b"\0", (1, "a"), [1, [2]], {"a": {1: (None,)}}]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_arrives_equal_and_of_its_type(value: object) -> None:
    assert carried(value) == value
    assert type(carried(value)) is type(value)


def test_a_subclass_of_a_plain_type_keeps_its_class() -> None:
    assert type(carried(Ratio(0.5))) is Ratio
    assert carried(bytearray(b"ab")) == bytearray(b"ab")
    assert type(carried(bytearray(b"ab"))) is bytearray


def test_only_the_part_that_cannot_be_pickled_becomes_its_repr() -> None:
    assert carried({"a": [1, Unpicklable()], "b": Ratio(2)}) == {"a": [1, "Unpicklable()"], "b": 2}


def test_a_part_that_cannot_be_unpickled_becomes_its_repr() -> None:
    assert carried((1, Lost("a", "b"))) == (1, "Lost('a b')")


def test_a_part_whose_repr_raises_is_named_by_its_class() -> None:
    assert carried([Unprintable()]) == ["<unprintable Unprintable object>"]


def test_an_ellipsis_is_not_taken_for_the_mark_of_a_part() -> None:
    assert carried((..., b"", "text")) == (..., b"", "text")


def test_a_list_that_contains_itself_arrives_as_such() -> None:
    ring: list[object] = [1]
    ring.append(ring)
    copy = carried(ring)
    assert copy[0] == 1
    assert copy[1] is copy


def test_a_record_keeps_all_attributes_and_extra() -> None:
    record = logging.LogRecord("shop", 30, "/a.py", 7, "%s of %d", ("a", 2), None, "f")
    record.customer = {"id": 7}
    copy = carried(record)
    assert type(copy) is logging.LogRecord
    assert copy.__dict__ == record.__dict__


def test_a_record_with_a_bad_extra_loses_only_that() -> None:
    record = logging.makeLogRecord({"msg": "m", "request": Unpicklable(), "user": "u"})
    copy = carried(record)
    assert (copy.msg, copy.request, copy.user) == ("m", "Unpicklable()", "u")


def test_a_record_that_contains_itself_arrives() -> None:
    record = logging.makeLogRecord({"msg": "m"})
    record.ring = [record.__dict__]
    copy = carried(record)
    assert (copy.msg, copy.ring[0]["msg"]) == ("m", "m")


def test_a_record_of_a_class_of_ones_own_keeps_the_class() -> None:
    assert type(carried(OwnRecord("n", 20, "p", 1, "m", (), None))) is OwnRecord


def test_a_record_of_a_class_that_is_unknown_there_becomes_a_plain_one() -> None:
    class Local(logging.LogRecord):
        pass

    copy = carried(Local("n", 20, "p", 1, "m", (), None))
    assert type(copy) is logging.LogRecord
    assert copy.msg == "m"


def raised(error: Exception) -> logging.LogRecord:
    try:
        raise error
    except Exception:
        return logging.LogRecord("n", 40, "p", 1, "m", (), sys.exc_info())


def test_an_exception_keeps_type_value_and_the_text_of_its_traceback() -> None:
    record = raised(ValueError("bad"))
    copy = carried(record)
    assert copy.exc_info[0] is ValueError
    assert copy.exc_info[1].args == ("bad",)
    assert copy.exc_info[2] is None
    assert copy.exc_text == logging.Formatter().formatException(record.exc_info)
    assert record.exc_text is None


def test_an_exception_that_cannot_be_unpickled_keeps_type_and_text() -> None:
    copy = carried(raised(Lost(1, 2)))
    assert copy.exc_info == (Lost, None, None)
    assert copy.exc_text.endswith("Lost: 1 2")


def test_an_exception_of_a_local_class_keeps_the_text() -> None:
    class Local(Exception):
        pass

    copy = carried(raised(Local("here")))
    assert copy.exc_info is None
    assert copy.exc_text.endswith("Local: here")


def test_the_loss_travels_beside_the_object() -> None:
    assert _carry.loads(marshal.loads(_carry.dumps("a", (12, 3)))) == ("a", (12, 3))


def test_a_snapshot_is_not_reached_by_later_changes() -> None:
    inner = [1]
    copy = _carry.snapshot((inner, {"a": inner}))
    inner.append(2)
    assert copy == ([1], {"a": [1]})


def test_a_snapshot_of_what_is_not_plain_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"not plain data: \(Unpicklable\(\),\)"):
        _carry.snapshot((Unpicklable(),))

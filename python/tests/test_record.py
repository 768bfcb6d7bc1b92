"""What a record holds."""

import pickle

import pytest

from onewriter import _record


@pytest.mark.parametrize(
    ("part", "shown", "text"),
    [
        (_record.RecordLevel("INFO", 20, "i"), "(name='INFO', no=20, icon='i')", "INFO"),
        (_record.RecordFile("a.py", "/b/a.py"), "(name='a.py', path='/b/a.py')", "a.py"),
        (_record.RecordThread(7, "Main"), "(id=7, name='Main')", "7"),
        (_record.RecordProcess(8, "Main"), "(id=8, name='Main')", "8"),
    ],
)
def test_a_part_is_shown_whole_and_formatted_as_its_name_or_number(part, shown, text):
    assert (repr(part), f"{part}", f"{part:>10}") == (shown, text, text.rjust(10))
    assert repr(pickle.loads(pickle.dumps(part))) == shown


class NotPicklable(Exception):
    def __reduce__(self):
        raise pickle.PicklingError("no")


def _fail(*_):
    raise pickle.UnpicklingError("no")


class NotUnpicklable(Exception):
    def __reduce__(self):
        return _fail, ()


def pickled(value):
    try:
        raise value
    except Exception as err:
        exception = _record.RecordException(type(err), err, err.__traceback__)
    return pickle.loads(pickle.dumps(exception))


def test_a_pickled_exception_loses_its_traceback():
    kind, value, traceback = pickled(ValueError("a", 1))
    assert (kind, type(value), value.args, traceback) == (ValueError, ValueError, ("a", 1), None)


@pytest.mark.parametrize("kind", [NotPicklable, NotUnpicklable])
def test_an_exception_that_cannot_be_pickled_loses_its_value_only(kind):
    assert tuple(pickled(kind("a"))) == (kind, None, None)


def test_a_message_is_a_string_that_takes_its_record_along():
    message = _record.Message("text")
    message.record = {"level": _record.RecordLevel("INFO", 20, "i")}
    copy = pickle.loads(pickle.dumps(message))
    assert (copy, type(copy), copy.record["level"].no) == ("text", _record.Message, 20)

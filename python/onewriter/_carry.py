"""Objects as bytes, for the way from one process to another.

Plain data goes by `marshal`, which is several times faster than `pickle`. What is not plain is
pickled piece by piece, and beside each pickled piece stands its `repr`: a piece that cannot be
pickled here, or not be unpickled there, arrives as that text and spoils nothing around it.
"""

from __future__ import annotations

import logging
import marshal
import pickle
from typing import Any

ATOMS = frozenset((str, int, float, bool, bytes, type(None)))
_CONTAINERS = (tuple, list)
# Version 2 has no references between the parts and is read by every Python.
_MARSHAL = 2

Loss = tuple[int, int]
"""A process id, and how many objects that process has dropped so far."""


def plain(value: Any) -> bool:
    """Whether `value` is made of str, int, float, bool, bytes, None, list, tuple and dict alone.

    Subclasses do not count: `marshal` would turn a numpy float into its bytes. Raises
    RecursionError when `value` contains itself.
    """
    kind = type(value)
    if kind in ATOMS:
        return True
    if kind is dict:
        if not ATOMS.issuperset(map(type, value)):
            return False
        value = value.values()
    elif kind not in _CONTAINERS:
        return False
    for part in value:  # a loop, not `all`, as every record of another process comes by here
        if type(part) not in ATOMS and not plain(part):
            return False
    return True


def snapshot(value: Any) -> Any:
    """A copy of plain data that later changes of `value` do not reach.

    Raises TypeError when `value` is not plain, RecursionError when it contains itself.
    """
    if type(value) is tuple and ATOMS.issuperset(map(type, value)):
        return value
    if not plain(value):
        raise TypeError(f"not plain data: {shown(value)}")
    return marshal.loads(marshal.dumps(value, _MARSHAL))


def shown(value: object) -> str:
    """`repr(value)`, also when that raises."""
    try:
        return repr(value)
    except Exception:
        return f"<unprintable {type(value).__name__} object>"


def _wrapped(value: object) -> tuple[Any, bytes | None, str]:
    """A piece that is not plain. Plain data holds no Ellipsis, so the mark cannot be mistaken."""
    try:
        return ..., pickle.dumps(value), shown(value)
    except Exception:
        return ..., None, shown(value)


def _packed(value: Any) -> Any:
    kind = type(value)
    if kind in ATOMS:
        return value
    if kind in _CONTAINERS:
        return kind(map(_packed, value))
    if kind is dict:
        return {_packed(key): _packed(part) for key, part in value.items()}
    return _wrapped(value)


def _unpacked(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return {_unpacked(key): _unpacked(part) for key, part in value.items()}
    if kind not in _CONTAINERS:
        return value
    if kind is list or not value or value[0] is not ...:
        return kind(map(_unpacked, value))
    _, pickled, text = value
    try:
        return text if pickled is None else pickle.loads(pickled)
    except Exception:
        return text


def dumps(item: object, loss: Loss | None = None) -> bytes:
    """The bytes of `item`, and of what its process has lost, for `loads`."""
    if not isinstance(item, logging.LogRecord):
        return _message(loss, None, item)
    attributes = item.__dict__
    if attributes.get("exc_info"):
        attributes = _without_traceback(attributes)
    mark = type(item) is logging.LogRecord or _wrapped(type(item))
    return _message(loss, mark, attributes)


def _message(loss: Loss | None, mark: Any, value: Any) -> bytes:
    """`mark` is None, or True for a plain record, or the wrapped class of a record."""
    try:
        whole = plain(value)
        packed = value if whole else _packed(value)
    except RecursionError:  # it contains itself: pickle knows how
        whole = False
        packed = {k: _wrapped(v) for k, v in value.items()} if mark else _wrapped(value)
    return marshal.dumps((loss, mark, whole, packed), _MARSHAL)


def loads(message: Any) -> tuple[Any, Loss | None]:
    """The object of a message of `dumps` (already through `marshal.loads`), and the loss."""
    loss, mark, whole, value = message
    if not whole:
        value = _unpacked(value)
    return (value if mark is None else _record(mark, value)), loss


def _without_traceback(attributes: dict[str, Any]) -> dict[str, Any]:
    """A record's attributes with the traceback, which no process can hand on, as text."""
    exc_info = attributes["exc_info"]
    text = attributes.get("exc_text") or logging.Formatter().formatException(exc_info)
    return {**attributes, "exc_info": (*exc_info[:2], None), "exc_text": text}


def _record(mark: Any, attributes: dict[str, Any]) -> logging.LogRecord:
    kind: Any = logging.LogRecord if mark is True else _unpacked(mark)
    if not isinstance(kind, type):  # a class that this process does not have
        kind = logging.LogRecord
    exc_info = attributes.get("exc_info")
    if exc_info:
        error, value = exc_info[:2]
        known = isinstance(error, type)
        attributes["exc_info"] = (
            (error, value if isinstance(value, BaseException) else None, None) if known else None
        )
    record = kind.__new__(kind)
    record.__dict__.update(attributes)
    return record  # type: ignore[no-any-return]

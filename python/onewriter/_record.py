"""What a record holds, as formats, filters, patchers and sinks see it."""

from __future__ import annotations

import pickle
from collections import namedtuple
from typing import Any


class RecordLevel:
    """The level of a record; formatted, its name."""

    __slots__ = ("icon", "name", "no")

    def __init__(self, name: str, no: int, icon: str) -> None:
        self.name, self.no, self.icon = name, no, icon

    def __repr__(self) -> str:
        return f"(name={self.name!r}, no={self.no!r}, icon={self.icon!r})"

    def __format__(self, spec: str) -> str:
        return self.name.__format__(spec)


class RecordFile:
    """The source file of a record; formatted, its name."""

    __slots__ = ("name", "path")

    def __init__(self, name: str, path: str) -> None:
        self.name, self.path = name, path

    def __repr__(self) -> str:
        return f"(name={self.name!r}, path={self.path!r})"

    def __format__(self, spec: str) -> str:
        return self.name.__format__(spec)


class _WithId:
    __slots__ = ("id", "name")

    def __init__(self, id_: int | None, name: str) -> None:
        self.id, self.name = id_, name

    def __repr__(self) -> str:
        return f"(id={self.id!r}, name={self.name!r})"

    def __format__(self, spec: str) -> str:
        return self.id.__format__(spec)


class RecordThread(_WithId):
    """The thread of a record; formatted, its number."""

    __slots__ = ()


class RecordProcess(_WithId):
    """The process of a record; formatted, its number."""

    __slots__ = ()


class RecordException(namedtuple("RecordException", ("type", "value", "traceback"))):
    """The exception of a record. Pickled, it loses its traceback, and a value that cannot be."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"(type={self.type!r}, value={self.value!r}, traceback={self.traceback!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            pickled = pickle.dumps(self.value)
            pickle.loads(pickled)
        except Exception:
            return _without_value, (self.type,)
        return _with_value, (self.type, pickled)


def _without_value(kind: Any) -> RecordException:
    return RecordException(kind, None, None)


def _with_value(kind: Any, pickled: bytes) -> RecordException:
    try:
        value = pickle.loads(pickled)
    except Exception:
        value = None
    return RecordException(kind, value, None)


class Message(str):
    """A formatted message as sinks get it; ``record`` is its record."""

    __slots__ = ("record",)

    record: dict[str, Any]

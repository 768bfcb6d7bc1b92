"""Finished files as archives."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import IO, Any, NamedTuple


def _gz(source: str, archive: IO[bytes]) -> None:
    import gzip

    # `GzipFile` drops the ending from the name that it notes.
    with gzip.GzipFile(f"{os.path.basename(source)}.gz", "wb", fileobj=archive) as packed:
        _copy(source, packed)


def _bz2(source: str, archive: IO[bytes]) -> None:
    import bz2

    with bz2.open(archive, "wb") as packed:
        _copy(source, packed)


def _lzma(container: str, source: str, archive: IO[bytes]) -> None:
    import lzma

    with lzma.open(archive, "wb", format=getattr(lzma, container)) as packed:
        _copy(source, packed)


def _copy(source: str, packed: Any) -> None:
    with open(source, "rb") as plain:
        shutil.copyfileobj(plain, packed)


def _tar(mode: Any, source: str, archive: IO[bytes]) -> None:
    import tarfile

    with tarfile.open(fileobj=archive, mode=mode) as packed:
        packed.add(source, arcname=os.path.basename(source))


def _zip(source: str, archive: IO[bytes]) -> None:
    import zipfile

    with zipfile.ZipFile(archive, "w", compression=zipfile.ZIP_DEFLATED) as packed:
        packed.write(source, arcname=os.path.basename(source))


class _Format(NamedTuple):
    """What a format needs, which an interpreter may be built without, and how it is made."""

    modules: tuple[str, ...]
    pack: Callable[[str, IO[bytes]], None]


_FORMATS = {
    "gz": _Format(("gzip",), _gz),
    "bz2": _Format(("bz2",), _bz2),
    "xz": _Format(("lzma",), partial(_lzma, "FORMAT_XZ")),
    "lzma": _Format(("lzma",), partial(_lzma, "FORMAT_ALONE")),
    "tar": _Format(("tarfile",), partial(_tar, "w:")),
    "tar.gz": _Format(("tarfile", "gzip"), partial(_tar, "w:gz")),
    "tar.bz2": _Format(("tarfile", "bz2"), partial(_tar, "w:bz2")),
    "tar.xz": _Format(("tarfile", "lzma"), partial(_tar, "w:xz")),
    "zip": _Format(("zipfile", "zlib"), _zip),
}


class Compression:
    """Puts a file into an archive of a format beside it.

    Attributes:
        extension: what the archive's name has after the file's, with its dot.
    """

    def __init__(self, name: str) -> None:
        name = name.strip().lstrip(".")
        if name not in _FORMATS:
            raise ValueError(f"Invalid compression format: '{name}'")
        for module in _FORMATS[name].modules:
            import_module(module)
        self.extension = f".{name}"
        self._name = name

    def __call__(self, source: str, target: str) -> None:
        """Makes the archive and removes the source; at any moment one of the two is whole."""
        unfinished = f"{target}.part"
        try:
            with open(unfinished, "wb") as archive:
                _FORMATS[self._name].pack(source, archive)
            os.replace(unfinished, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.remove(unfinished)
            raise
        os.remove(source)


def make_compression(compression: Any) -> Compression | Callable[[str], Any] | None:
    """What a ``compression`` argument stands for: a format's name, or a function of the path.

    Raises:
        TypeError: no compression can be made of this type.
        ValueError: there is no such format.
        ImportError: this interpreter was built without it.
    """
    if isinstance(compression, str):
        return Compression(compression)
    if compression is None or callable(compression):
        return compression
    raise TypeError(f"Cannot infer compression for objects of type: '{type(compression).__name__}'")

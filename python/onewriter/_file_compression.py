"""Finished files as archives."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

_Opener = Callable[[BinaryIO, str], BinaryIO]


def _copy(opened: _Opener, source: str, archive: BinaryIO) -> None:
    with open(source, "rb") as plain, opened(archive, os.path.basename(source)) as packed:
        shutil.copyfileobj(plain, packed)


def _tar(mode: str, source: str, archive: BinaryIO) -> None:
    with tarfile.open(fileobj=archive, mode=mode) as packed:
        packed.add(source, arcname=os.path.basename(source))


def _zip(source: str, archive: BinaryIO) -> None:
    with zipfile.ZipFile(archive, "w", compression=zipfile.ZIP_DEFLATED) as packed:
        packed.write(source, arcname=os.path.basename(source))


_FORMATS: dict[str, Callable[[str, BinaryIO], None]] = {
    # `GzipFile` drops the ending from the name that it notes.
    "gz": partial(
        _copy, lambda archive, name: gzip.GzipFile(f"{name}.gz", "wb", fileobj=archive)
    ),
    "bz2": partial(_copy, lambda archive, name: bz2.open(archive, "wb")),
    "xz": partial(_copy, lambda archive, name: lzma.open(archive, "wb", format=lzma.FORMAT_XZ)),
    "lzma": partial(
        _copy, lambda archive, name: lzma.open(archive, "wb", format=lzma.FORMAT_ALONE)
    ),
    "tar": partial(_tar, "w:"),
    "tar.gz": partial(_tar, "w:gz"),
    "tar.bz2": partial(_tar, "w:bz2"),
    "tar.xz": partial(_tar, "w:xz"),
    "zip": _zip,
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
        self.extension = f".{name}"
        self._name = name

    def __call__(self, source: str, target: str) -> None:
        """Makes the archive and removes the source; at any moment one of the two is whole."""
        unfinished = f"{target}.part"
        try:
            with open(unfinished, "wb") as archive:
                _FORMATS[self._name](source, archive)
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
    """
    if isinstance(compression, str):
        return Compression(compression)
    if compression is None or callable(compression):
        return compression
    raise TypeError(f"Cannot infer compression for objects of type: '{type(compression).__name__}'")

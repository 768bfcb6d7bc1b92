"""The file sink: a file that is changed for a new one in time, and what becomes of the old ones."""

from __future__ import annotations

import os
import time
from datetime import datetime
from typing import Any, TextIO

from ._ctime import get_ctime, set_ctime
from ._datetime import Moment, aware_now
from ._file_compression import Compression, make_compression
from ._file_retention import files_of, make_retention
from ._file_rotation import make_rotation

_STAMP = "%Y-%m-%d_%H-%M-%S_%f"


def _created(path: str) -> float:
    return get_ctime(path)  # By its global name, so that a test can exchange the clock of files.


class _PathTime:
    """``{time}`` in a path: without a specification it is one that is fit for a file's name."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def __format__(self, spec: str) -> str:
        return format(self._moment, spec or _STAMP)


class FileSink:
    """Writes messages to a file. One thread at a time may use it.

    Args:
        path: the file; ``{time}`` and ``{time:YYYY-MM-DD}`` stand for the time at which it is
            opened. Missing directories are made.
        rotation: when a new file is begun: a size in bytes or as text (``"100 MB"``), an interval
            (`timedelta`, ``"1 week"``), a frequency (``"daily"``), a time (`time`, ``"18:00"``), a
            day (``"monday at 06:00"``), a function of message and file, or a list of these.
            Default: never.
        retention: which old files stay: a number of files, an age (`timedelta`, ``"10 days"``), or
            a function that is given all paths. Default: all.
        compression: what becomes of a finished file: ``gz``, ``bz2``, ``xz``, ``lzma``, ``tar``,
            ``tar.gz``, ``tar.bz2``, ``tar.xz``, ``zip``, or a function that is given its path.
            Default: it stays.
        delay: whether the file is opened with the first message only. Default: at once.
        watch: whether it is opened anew when somebody has moved or removed it. Default: no.
        mode, buffering, encoding: as in `open`. Default: ``"a"``, 1 (line by line), ``"utf8"``.
        open_kwargs: further arguments of `open`.

    Raises:
        TypeError: an argument is of a type that cannot be one.
        ValueError: the text of an argument cannot be understood.
        OSError: the file cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        rotation: Any = None,
        retention: Any = None,
        compression: Any = None,
        delay: bool = False,
        watch: bool = False,
        mode: str = "a",
        buffering: int = 1,
        encoding: str | None = "utf8",
        **open_kwargs: Any,
    ) -> None:
        self.encoding = encoding
        self._open_kwargs = {"buffering": buffering, "encoding": encoding, **open_kwargs}
        self._mode, self._watch = mode, watch
        # What a failed rotation or another program has left must be neither emptied nor in the way.
        self._mode_to_go_on = mode.replace("w", "a").replace("x", "a")
        self._pattern = str(path)
        # A program that changes its directory does not move its log.
        self._directory = "" if os.path.isabs(self._pattern) else os.getcwd()
        self._is_due = make_rotation(rotation, _created)
        self._retain = make_retention(retention)
        self._compress = make_compression(compression)
        self._file: TextIO | None = None
        self._identity: tuple[int, int] | None = None
        self._path: str | None = None
        if not delay:
            self._open(self._new_path(), mode)

    def write(self, message: Any) -> None:
        """Writes the message, which has the attribute ``record``, into a new file if it is time.

        Raises:
            Exception: rotation, retention or compression failed, and the message was written to the
                file that was open then; or it could not be written.
        """
        if self._file is None:
            is_first = self._path is None
            self._open(
                self._new_path() if is_first else self._path,
                self._mode if is_first else self._mode_to_go_on,
            )
        try:
            if self._watch:
                self._follow()
            if self._is_due is not None and self._is_due(message, self._file):
                self._rotate()
        finally:
            if self._file is None:
                self._open(self._path, self._mode_to_go_on)
            self._file.write(message)

    def stop(self) -> None:
        """Closes the file, which without rotation is then compressed, and retention applies."""
        if self._watch and self._file is not None:
            self._follow()
        self._close()
        if self._is_due is None:
            self._finish(self._path)

    def tasks_to_complete(self) -> list[Any]:
        """What is to be awaited until all is written: nothing."""
        return []

    async def complete(self) -> None:
        """Returns at once: a message is written when `write` returns."""

    def _new_path(self) -> str:
        name = self._pattern.format_map({"time": _PathTime(aware_now())})
        return os.path.abspath(os.path.join(self._directory, name))

    def _open(self, path: str, mode: str) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        is_new = "w" in mode or not os.path.exists(path)
        self._file = open(path, mode, **self._open_kwargs)
        self._path = path
        if self._is_due is not None:
            # Kept from now on, since what Linux tells is the last change.
            set_ctime(path, time.time() if is_new else get_ctime(path))
        if self._watch:
            status = os.fstat(self._file.fileno())
            self._identity = status.st_dev, status.st_ino

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _follow(self) -> None:
        """Opens the file anew if its path leads to another one, or to none."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            pass
        else:
            if (status.st_dev, status.st_ino) == self._identity:
                return
        self._close()
        self._open(self._path, self._mode.replace("x", "a"))

    def _rotate(self) -> None:
        """Closes the file and opens the next one."""
        self._close()
        finished, new_path = self._path, self._new_path()
        if not os.path.exists(finished):
            finished = None  # Somebody has removed it.
        elif new_path == finished:
            finished = self._rename(finished)
        self._path = new_path
        self._finish(finished)
        self._open(new_path, self._mode)

    def _finish(self, finished: str | None) -> None:
        """Compression, and then retention, of which the failure of the first is no hindrance."""
        try:
            if self._compress is not None and finished is not None:
                self._archive(finished)
        finally:
            if self._retain is not None:
                self._retain(files_of(self._directory, self._pattern))

    def _archive(self, finished: str) -> None:
        if not isinstance(self._compress, Compression):
            self._compress(finished)
            return
        target = finished + self._compress.extension
        if os.path.exists(target):
            self._rename(target, self._compress.extension)
        self._compress(finished, target)
        set_ctime(target, time.time())

    @staticmethod
    def _rename(path: str, archive_extension: str = "") -> str:
        """Makes way: the file's name gets the time of its creation, and a number if it is taken."""
        root, extension = os.path.splitext(path.removesuffix(archive_extension))
        extension += archive_extension
        created = datetime.fromtimestamp(get_ctime(path)).strftime(_STAMP)
        renamed = f"{root}.{created}{extension}"
        number = 1
        while os.path.exists(renamed):
            number += 1
            renamed = f"{root}.{created}.{number}{extension}"
        os.rename(path, renamed)
        return renamed

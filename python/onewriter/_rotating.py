"""The handlers of files that rotate: the standard library's and concurrent-log-handler's."""

from __future__ import annotations

import datetime
import logging
import logging.handlers
import math
import os
import time
import warnings
from typing import Any

from onewriter._files import OverFileQueue

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_POLICIES = ("ignore", "replace", "strict")


class _Rotating(OverFileQueue):
    """What rotating handlers have in common: the writer rotates, not the caller.

    The writer, maybe in another process, cannot call functions of this one: `namer`, `rotator`
    and overrides of the methods that rotate and write are refused, as they would do nothing.
    """

    maxBytes: int = 0
    backupCount: int
    use_gzip: bool = False

    # A program can call some of these, but not exchange them.
    _never_called = OverFileQueue._never_called | dict.fromkeys(
        (
            "namer", "rotator", "rotate", "rotation_filename", "doRollover", "shouldRollover",
            "computeRollover", "getFilesToDelete", "do_open", "do_write", "do_gzip",
        ),
        "files are written and rotated by the writer, which cannot call it; use_gzip = True has it "
        "compress old files, suffix names those of a time rotation",
    )  # fmt: skip

    def _settings(self) -> dict[str, Any]:
        compression = "gz" if self.use_gzip else None
        return {**super()._settings(), "compression": compression, **self._rotation()}

    def _rotation(self) -> dict[str, Any]:
        """When the writer rotates, and what it calls and keeps of the old files."""
        raise NotImplementedError

    def doRollover(self) -> None:
        """Rotates now, behind all that was put before, and waits until it is done."""
        self._file().rotate()
        self.flush()

    def shouldRollover(self, record: logging.LogRecord) -> int:
        """Whether the file, with all that was put, would reach `maxBytes` with this record.

        It is there to be asked; the writer finds out by itself.
        """
        self.flush()
        if self.maxBytes <= 0 or not os.path.isfile(self.baseFilename):
            return False
        size = os.path.getsize(self.baseFilename)
        if size == 0:
            return False
        line = self._encoded(self.format(record) + self.terminator)
        return size + len(line) >= self.maxBytes

    @property
    def num_rollovers(self) -> int:
        """How often the present writer of the file, whichever process that is, has rotated it."""
        return 0 if self._queue is None else self._queue.rotations


def _by_size(handler: _Rotating) -> dict[str, Any]:
    # Any number will do for those whose place this takes, such as 1e8.
    size = math.ceil(handler.maxBytes or 0)
    return {"rotate_size": size if size > 0 else None}


class RotatingFileHandler(_Rotating, logging.handlers.RotatingFileHandler):
    """`logging.handlers.RotatingFileHandler`, with its arguments, for any number of processes.

    Old files are `name.1` (the newest) to `name.N`. As in the standard library nothing is
    rotated when `maxBytes` or `backupCount` is 0.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        mode: str = "a",
        maxBytes: int = 0,
        backupCount: int = 0,
        encoding: str | None = None,
        delay: bool = False,
        errors: str | None = None,
    ) -> None:
        super().__init__(filename, mode, maxBytes, backupCount, encoding, True, errors)
        self._begin(delay)

    def _rotation(self) -> dict[str, Any]:
        if self.backupCount <= 0:
            return {}
        settings = {**_by_size(self), "names": "shifted", "keep": self.backupCount}
        # The standard library's files stay below `maxBytes`; the engine's may reach their size.
        if self.maxBytes > 1:
            settings["rotate_size"] -= 1
        return settings


class TimedRotatingFileHandler(_Rotating, logging.handlers.TimedRotatingFileHandler):
    """`logging.handlers.TimedRotatingFileHandler`, with its arguments, for many processes.

    Old files are named by `suffix`, which can be changed until the first record. Rotation at
    midnight or on a day of the week with an `interval` above 1 counts that many days or weeks
    from the last rotation, without the time of day.
    """

    # The standard initializer fills these.
    when: str
    suffix: str
    interval: int
    dayOfWeek: int
    atTime: datetime.time | None
    utc: bool

    shouldRollover = logging.handlers.TimedRotatingFileHandler.shouldRollover

    def __init__(
        self,
        filename: str | os.PathLike[str],
        when: str = "h",
        interval: int = 1,
        backupCount: int = 0,
        encoding: str | None = None,
        delay: bool = False,
        utc: bool = False,
        atTime: datetime.time | None = None,
        errors: str | None = None,
    ) -> None:
        super().__init__(filename, when, interval, backupCount, encoding, True, utc, atTime, errors)
        self._begin(delay)

    def doRollover(self) -> None:
        """Rotates now, behind all that was put before."""
        super().doRollover()
        self.rolloverAt = self.computeRollover(int(time.time()))

    def _rotation(self) -> dict[str, Any]:
        return {
            **self._by_time(),
            "names": "appended " + self.suffix,
            "utc": self.utc,
            "keep": self.backupCount if self.backupCount > 0 else None,
        }

    def _by_time(self) -> dict[str, Any]:
        weekly = self.when.startswith("W")
        unit = 7 * 86400 if weekly else 86400
        if self.interval != unit or not (weekly or self.when == "MIDNIGHT"):
            return {"rotate_every": float(self.interval)}
        at = "00:00" if self.atTime is None else self.atTime.strftime("%H:%M:%S")
        return {"rotate_at": f"{_WEEKDAYS[self.dayOfWeek]} at {at}" if weekly else at}


class _Concurrent(_Rotating):
    """The arguments that both handlers of concurrent-log-handler have."""

    errors: str | None

    def _concur(
        self,
        use_gzip: bool,
        owner: tuple[str, str] | None,
        chmod: int | None,
        umask: int | None,
        newline: str | None,
        terminator: str | None,
        unicode_error_policy: str,
    ) -> None:
        self.use_gzip = use_gzip
        self.owner = owner
        self.chmod = chmod
        self.umask = umask
        self.newline = newline
        self.terminator = terminator or "\n"
        if unicode_error_policy not in _POLICIES:
            warnings.warn(
                "Invalid unicode_error_policy for concurrent_log_handler: must be ignore, "
                "replace, or strict. Defaulting to ignore.",
                UserWarning,
                stacklevel=3,
            )
            unicode_error_policy = "ignore"
        self.unicode_error_policy = self.errors = unicode_error_policy
        self._owner_ids = None if owner is None else _ids(*owner)
        self._mode_bits = chmod
        if chmod is None and umask is not None:
            self._mode_bits = 0o666 & ~umask


def _ids(user: str, group: str) -> tuple[int, int]:
    import grp
    import pwd

    return pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid


class ConcurrentRotatingFileHandler(_Concurrent, logging.handlers.BaseRotatingHandler):
    """concurrent-log-handler's handler of that name, with its arguments.

    Old files are `name.1` (the newest) to `name.N`, with `use_gzip` `name.1.gz`. With `maxBytes`
    one is kept also when `backupCount` is 0, where concurrent-log-handler throws away what the
    file held. The file is made for the first record.

    Args:
        filename: The file that all processes log to.
        mode: "a" appends; "w" truncates the file when the handler is made.
        maxBytes: At which size to rotate; 0: never.
        backupCount: How many old files to keep.
        encoding: The encoding of the file; None: the locale's.
        use_gzip: Whether old files are compressed, by the writer.
        owner: Name of the user and of the group that new files belong to.
        chmod: The permission bits of new files.
        umask: What to take away from 0o666 as permissions, when there is no `chmod`.
        newline: "\\r\\n" or "\\r": written in place of "\\n"; None, "", "\\n": nothing is replaced.
        terminator: What ends a record.
        unicode_error_policy: "ignore", "replace" or "strict": for what `encoding` cannot say.
        debug, delay, lock_file_directory, keep_file_open: Accepted, and without effect: there is
            no lock file, and the writer keeps the file open.

    Raises:
        KeyError: A name of `owner` is unknown.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        mode: str = "a",
        maxBytes: int = 0,
        backupCount: int = 0,
        encoding: str | None = None,
        debug: bool = False,
        delay: None = None,
        use_gzip: bool = False,
        owner: tuple[str, str] | None = None,
        chmod: int | None = None,
        umask: int | None = None,
        newline: str | None = None,
        terminator: str = "\n",
        unicode_error_policy: str = "ignore",
        lock_file_directory: str | None = None,
        keep_file_open: bool = True,
    ) -> None:
        super().__init__(filename, mode, encoding, True)
        self.maxBytes = maxBytes
        self.backupCount = backupCount
        self._concur(use_gzip, owner, chmod, umask, newline, terminator, unicode_error_policy)
        self._begin(delay=True)

    def _rotation(self) -> dict[str, Any]:
        return {**_by_size(self), "names": "shifted", "keep": max(1, self.backupCount)}


class ConcurrentTimedRotatingFileHandler(_Concurrent, TimedRotatingFileHandler):
    """concurrent-log-handler's handler of that name, with its arguments.

    It rotates by time as `TimedRotatingFileHandler` does, and at `maxBytes` if that is above 0;
    further files of one period get a number behind the date. The other arguments are those of
    `ConcurrentRotatingFileHandler`; of more keyword arguments `mode` and `debug` are known, the
    rest has no effect.
    """

    MIN_VALID_TIMESTAMP = 946684800
    """2000-01-01: clocks that say less are not believed."""

    def __init__(
        self,
        filename: str | os.PathLike[str],
        when: str = "h",
        interval: int = 1,
        backupCount: int = 0,
        encoding: str | None = None,
        delay: bool = False,
        utc: bool = False,
        atTime: datetime.time | None = None,
        errors: str | None = None,
        maxBytes: int = 0,
        use_gzip: bool = False,
        owner: tuple[str, str] | None = None,
        chmod: int | None = None,
        umask: int | None = None,
        newline: str | None = None,
        terminator: str = "\n",
        unicode_error_policy: str = "ignore",
        lock_file_directory: str | None = None,
        keep_file_open: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(filename, when, interval, backupCount, encoding, True, utc, atTime, errors)
        self.maxBytes = maxBytes
        self._concur(use_gzip, owner, chmod, umask, newline, terminator, unicode_error_policy)
        self.finalize_handler_configuration()
        self.initialize_rollover_time()

    def finalize_handler_configuration(self) -> None:
        """For subclasses that change `suffix` or other settings before the first record."""

    def initialize_rollover_time(self) -> None:
        """Computes `rolloverAt` anew, after `finalize_handler_configuration`."""
        self.rolloverAt = self.computeRollover(int(time.time()))

    def _rotation(self) -> dict[str, Any]:
        return {**super()._rotation(), **_by_size(self)}

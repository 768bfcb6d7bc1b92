"""When a file was created: Linux lets no program set that, so that an attribute of it is used."""

from __future__ import annotations

import os

_ATTRIBUTE = "user.loguru_crtime"


def get_ctime(path: str) -> float:
    """The creation time, in seconds since the epoch: as set, or its birth, or its last change."""
    try:
        return float(os.getxattr(path, _ATTRIBUTE))
    except (AttributeError, OSError, ValueError):  # There is no such call, attribute, or number.
        status = os.stat(path)
        return getattr(status, "st_birthtime", status.st_mtime)


def set_ctime(path: str, timestamp: float) -> None:
    """Keeps the creation time with the file, as far as its file system can."""
    try:
        os.setxattr(path, _ATTRIBUTE, str(timestamp).encode("ascii"))
    except (AttributeError, OSError):
        pass

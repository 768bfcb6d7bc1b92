"""The frame of a caller, also on interpreters without ``sys._getframe``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType


def load_get_frame_function() -> Callable[[int], FrameType]:
    """A function from a number of calls to the frame so far above, or `ValueError`."""
    return getattr(sys, "_getframe", get_frame_fallback)


def get_frame_fallback(above: int = 0) -> FrameType:
    """What ``sys._getframe`` does, without it."""
    try:
        raise LookupError
    except LookupError as err:
        frame = err.__traceback__ and err.__traceback__.tb_frame.f_back
    while above and frame is not None:
        frame, above = frame.f_back, above - 1
    if frame is None:
        raise ValueError("call stack is not deep enough")
    return frame

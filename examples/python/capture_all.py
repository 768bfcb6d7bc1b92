"""Warnings, uncaught exceptions, `print` and stray writes become records."""

import asyncio
import sys
import threading
import warnings

import onewriter
from onewriter import logger

logger.remove()
logger.add(
    "shop.log", format="{level} {name} {message}", backtrace=False, diagnose=False, enqueue=True
)
onewriter.capture.install(warnings=True, exceptions=True, stdout=True, stderr=True)


class Parcel:
    def __del__(self):
        raise ValueError("lost")


def cold_oven():
    raise RuntimeError("the oven is cold")


async def forgotten_task():
    task = asyncio.create_task(asyncio.to_thread(cold_oven))
    await asyncio.wait([task])


if __name__ == "__main__":
    warnings.warn("cake is old", DeprecationWarning, stacklevel=1)
    print("tea", "is", "ready")
    print("milk is not", file=sys.stderr)
    thread = threading.Thread(target=cold_oven, name="baker")
    thread.start()
    thread.join()
    asyncio.run(forgotten_task())
    Parcel()
    raise SystemError("closed")

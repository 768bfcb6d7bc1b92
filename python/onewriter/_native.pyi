"""Queues of the engine: the native part of the package.

Puts are safe from every thread and in forked children, and what they have accepted survives the process
that put it, however it ends. Waiting is done without the interpreter's lock, and is ended by what a
signal handler raises.
"""

from collections.abc import Callable
from typing import final

__version__: str

@final
class FileQueue:
    """The queue of one file. Every process that logs to the file shares it: one of them writes, the
    others put; when the writer dies, another one takes over. Each record stands in the file once.

    A process can have 32 queues open at a time; one that is no longer needed is to be closed.

    :param path: the file; it is made, with its folders, if it is missing
    :param rotate_size: rotate before the file would be larger, in bytes
    :param rotate_every: rotate at multiples of so many seconds
    :param rotate_at: rotate at a time, such as ``"12:00"``, ``"monday"`` or ``"monday at 06:30"``
    :param names: of rotated files: ``"index"`` for ``shop.1.log``, ``shop.2.log`` (the highest is the
        newest), or a template of ``strftime`` for ``shop.TIME.log``
    :param utc: whether rotation and names go by UTC and not by local time
    :param keep: how many rotated files are kept
    :param keep_for: for how many seconds rotated files are kept
    :param compression: ``"gz"`` or ``"zst"``, in the background
    :param mode: the mode of files that are made, such as ``0o640``
    :param owner: their user and group number
    :param memory: bytes of shared memory for this process's records, 64 KiB to 1 GiB
    :raises ValueError: a setting that cannot be; the message names it and says what would be right
    :raises OSError: what the operating system refused
    :raises RuntimeError: 32 queues are open
    """

    def __new__(
        cls,
        path: str,
        *,
        rotate_size: int | None = None,
        rotate_every: float | None = None,
        rotate_at: str | None = None,
        names: str = "index",
        utc: bool = False,
        keep: int | None = None,
        keep_for: float | None = None,
        compression: str | None = None,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        memory: int = 16777216,
    ) -> FileQueue: ...
    @property
    def path(self) -> str:
        """The file, absolute and behind all links."""

    def put(self, data: str | bytes, level: int = 20, wait: float = 30.0) -> None:
        """Hands over one or more whole lines, with their newline.

        :param level: from 40 on a record may use the room that is kept for errors
        :param wait: for how many seconds it waits for room
        :raises queue.Full: there was no room; the record counts as lost, and the log says so
        :raises ValueError: it has more than 64 MiB
        :raises RuntimeError: the queue is closed
        """

    def complete(self, timeout: float) -> None:
        """Waits until everything that was put before, by any process, is in the file.

        :raises TimeoutError: after so many seconds; it says what is missing. Nothing is lost by that
        :raises RuntimeError: the queue is closed, or a sink calls it
        """

    def rotate(self) -> None:
        """Rotates between what was put before and what is put after."""

    def reopen(self) -> None:
        """Opens the file anew, as after ``logrotate``."""

    def close(self, timeout: float) -> None:
        """Completes and leaves the queue. A second call does nothing.

        :raises TimeoutError: as :meth:`complete`; the queue is left nevertheless
        """

@final
class ObjectQueue:
    """Bytes from every process of a name to one receiver.

    :param name: letters, digits, ``.``, ``_`` and ``-``; a new one that nobody has if it is ``None``
    :param receive: called with the bytes of each record, in the order of the puts, on a thread of the
        engine. What it raises goes to ``sys.unraisablehook``. Without it this process only puts. A
        forked child receives when the process that received has died: a record that was being received
        may then be received again.
    :param memory: bytes of shared memory for this process's records, 64 KiB to 1 GiB
    :raises ValueError: a name that cannot be
    :raises OSError: what the operating system refused
    :raises RuntimeError: 32 queues are open in this process
    """

    def __new__(
        cls,
        name: str | None = None,
        receive: Callable[[bytes], object] | None = None,
        *,
        memory: int = 16777216,
    ) -> ObjectQueue: ...
    @property
    def name(self) -> str:
        """The name, under which other processes of this user find the queue."""

    def put(self, data: bytes, level: int = 20, wait: float = 30.0) -> None:
        """Hands over a record: see :meth:`FileQueue.put`."""

    def complete(self, timeout: float) -> None:
        """Waits until everything that was put before, by any process, was received: see
        :meth:`FileQueue.complete`."""

    def close(self, timeout: float) -> None:
        """Completes and leaves the queue: see :meth:`FileQueue.close`."""

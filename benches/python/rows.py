"""What is measured, and the goals."""

from __future__ import annotations

from dataclasses import dataclass

OURS = ("onewriter", "onewriter/json", "onewriter/queue", "onewriter/install", "onewriter/file")


@dataclass(frozen=True)
class Row:
    """One way of measuring, and who takes part.

    `base` is whom the table compares everyone with. `--quick` measures `quick_records`, and of the
    set-ups those in `quick`.
    """

    name: str
    title: str
    mode: str
    setups: tuple[str, ...]
    quick: tuple[str, ...]
    records: int
    quick_records: int
    base: str = "logging/queue"
    threads: int = 1
    processes: int = 1

    @property
    def producers(self) -> int:
        """How many log at a time."""
        return self.threads * self.processes


@dataclass(frozen=True)
class Goal:
    """`ours` beside the best of `peers` in one number of a row.

    It is to be at most `limit` times as much, or at least where the number is a rate.
    No peers are named where all of the row's are meant.
    """

    row: str
    ours: str
    number: str
    limit: float
    words: str
    peers: tuple[str, ...] = ()


QUEUES = ("logging/queue", "logging/simplequeue", "loguru", "picologging/queue")
QUEUES += ("picologging/simplequeue",)
SYNCHRONOUS = ("logging", "loguru/sync", "concurrent-log-handler", "picologging", "structlog")
EVERYBODY = (*QUEUES, *SYNCHRONOUS)
# picologging hangs with several threads; one row shows it.
THREADED = tuple(it for it in EVERYBODY if not it.startswith("picologging"))
NAMED = ("onewriter", "logging/queue", "loguru")
PICO = ("picologging/queue", "picologging/simplequeue")
BEST = ("picologging", "structlog")

ROWS = (
    Row(
        "spaced",
        "A call: batches of 20, 2 ms apart (ns)",
        "spaced",
        ("onewriter", "onewriter/queue", "onewriter/install", "onewriter/file", *EVERYBODY, "nothing"),
        (*NAMED, "onewriter/queue", "onewriter/install", *PICO),
        20_000,
        2_000,
    ),
    Row(
        "packed",
        "A call: back to back (ns)",
        "packed",
        ("onewriter", "onewriter/queue", "onewriter/install", "onewriter/file", *EVERYBODY, "nothing"),
        NAMED,
        100_000,
        10_000,
    ),
    Row(
        "load",
        "Records until the last one is in the file, one thread",
        "load",
        ("onewriter", "onewriter/queue", "onewriter/install", "onewriter/file", *EVERYBODY),
        (*NAMED, *BEST, "picologging/simplequeue"),
        200_000,
        20_000,
    ),
    Row(
        "json",
        "The same as JSON",
        "load",
        ("onewriter/json", "loguru/json", "structlog"),
        ("onewriter/json", "loguru/json", "structlog"),
        200_000,
        10_000,
        base="loguru/json",
    ),
    Row(
        "processes",
        "The same from 4 worker processes into one file",
        "load",
        ("onewriter", "onewriter/file", "logging/mpqueue", "loguru", "logging")
        + ("concurrent-log-handler", "structlog"),
        ("onewriter", "logging/mpqueue", "logging", "concurrent-log-handler"),
        200_000,
        20_000,
        base="logging/mpqueue",
        processes=4,
    ),
    Row(
        "disabled",
        "A call below the level (ns)",
        "disabled",
        ("onewriter", "logging", "loguru", "picologging", "structlog", "nothing"),
        ("onewriter", "logging", "picologging"),
        0,
        0,
        base="logging",
    ),
    Row(
        "paced",
        "asyncio, 20 records each 2 ms: how late a 1 ms ticker is (ns)",
        "paced",
        ("onewriter", "onewriter/queue", "onewriter/install", "onewriter/file", *EVERYBODY, "nothing"),
        (*NAMED, *PICO),
        10_000,
        2_000,
    ),
    Row(
        "busy",
        "asyncio, 10 records and others have a turn: how late a 1 ms ticker is (ns)",
        "busy",
        ("onewriter", "onewriter/queue", "onewriter/install", "onewriter/file", *EVERYBODY, "nothing"),
        (*NAMED, "logging", "picologging"),
        10_000,
        2_000,
    ),
    Row(
        "spaced-threads",
        "A call: the same batches in 4 threads (ns)",
        "spaced",
        ("onewriter", "onewriter/queue", "onewriter/file", *THREADED),
        (*NAMED, "structlog"),
        20_000,
        4_000,
        threads=4,
    ),
    Row(
        "packed-threads",
        "A call: back to back in 4 threads (ns)",
        "packed",
        ("onewriter", "onewriter/queue", "onewriter/file", *THREADED),
        (*NAMED, "structlog"),
        100_000,
        8_000,
        threads=4,
    ),
    Row(
        "load-threads",
        "Records until the last one is in the file, 4 threads",
        "load",
        ("onewriter", "onewriter/queue", "onewriter/file", *THREADED, "picologging"),
        (*NAMED, "structlog"),
        200_000,
        8_000,
        threads=4,
    ),
)

_QUEUE = ("logging/queue",)
GOALS = (
    Goal("spaced", "onewriter", "p50", 1 / 10, "1/10 of `QueueHandler`", _QUEUE),
    Goal("spaced", "onewriter", "p50", 1 / 60, "1/60 of Loguru", ("loguru",)),
    Goal("spaced", "onewriter", "p50", 1, "picologging's queue handler", PICO),
    Goal("packed", "onewriter", "p99.9", 1 / 10, "1/10 of `QueueHandler`", _QUEUE),
    Goal("load", "onewriter", "rate", 12, "12 times `QueueHandler`", _QUEUE),
    Goal("load", "onewriter", "rate", 50, "50 times Loguru", ("loguru",)),
    Goal("load", "onewriter", "rate", 4, "4 times the fastest peer"),
    Goal("json", "onewriter/json", "rate", 20, "20 times Loguru", ("loguru/json",)),
    Goal("json", "onewriter/json", "rate", 3, "3 times structlog", ("structlog",)),
    Goal("spaced", "onewriter/install", "p50", 1 / 5, "1/5 of `QueueHandler`", _QUEUE),
    Goal("spaced", "onewriter/queue", "p50", 3 / 5, "3/5 of `QueueHandler`", _QUEUE),
    Goal(
        "processes",
        "onewriter",
        "rate",
        15,
        "15 times `QueueHandler` on `multiprocessing.Queue`",
        ("logging/mpqueue",),
    ),
    Goal(
        "processes",
        "onewriter",
        "rate",
        15,
        "15 times concurrent-log-handler",
        ("concurrent-log-handler",),
    ),
    Goal("processes", "onewriter", "rate", 3, "3 times uncoordinated `FileHandler`s", ("logging",)),
    Goal("load", "onewriter", "memory", 1 / 3, "1/3 of `QueueHandler`", _QUEUE),
    Goal(
        "processes", "onewriter", "memory", 1 / 3, "1/3 of `QueueHandler`", ("logging/mpqueue",)
    ),
    Goal("disabled", "onewriter", "ns", 1, "picologging", ("picologging",)),
    Goal("paced", "onewriter", "p99", 1, "every peer"),
    Goal("busy", "onewriter", "p99", 1, "every peer"),
    Goal("spaced-threads", "onewriter", "p50", 1, "every peer"),
    Goal("packed-threads", "onewriter", "p99.9", 1, "every peer"),
    Goal("load-threads", "onewriter", "rate", 1, "every peer"),
)

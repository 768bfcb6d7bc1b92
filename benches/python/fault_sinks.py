"""One program whose sink is a function, and has a fault: `fault_sinks.py CASE SETUP`, started by
`faults.py`. Prints JSON: the records that the sink did not get, and a remark.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import multiprocessing
import queue
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

Sink = Callable[[str], None]


class Log(NamedTuple):
    """`info` logs a text; `with_extra` one with a value that goes along."""

    info: Callable[[str], Any]
    with_extra: Callable[[str, Any], Any]
    close: Callable[[], Any]


def _of_loguru(logger: Any, sink: Sink, places: int) -> Log:
    logger.remove()
    logger.add(sink, format="{message}", enqueue=True)
    return Log(
        logger.info, lambda text, value: logger.bind(value=value).info(text), logger.remove
    )


def onewriter(sink: Sink, places: int) -> Log:
    """Ours with Loguru's interface; its memory is fixed, and is not counted in records."""
    from onewriter import logger

    return _of_loguru(logger, sink, places)


def loguru(sink: Sink, places: int) -> Log:
    """Loguru, whose queue is a pipe."""
    from loguru import logger

    return _of_loguru(logger, sink, places)


def _of_logging(library: Any, pair: Any, made: Any, sink: Sink) -> Log:
    class Calls(library.Handler):
        def emit(self, record: Any) -> None:
            sink(self.format(record))

    listener = pair.QueueListener(made, Calls())
    listener.start()
    logger = library.Logger("faults", library.INFO)
    logger.addHandler(pair.QueueHandler(made))
    return Log(
        logger.info,
        lambda text, value: logger.info(text, extra={"value": value}),
        lambda: _stop(listener),
    )


def _stop(listener: Any) -> None:
    try:
        listener.stop()
    except queue.Full:  # it may be called again
        time.sleep(2.0)
        listener.stop()


def logging_queue(sink: Sink, places: int) -> Log:
    """The standard library in one process."""
    return _of_logging(logging, logging.handlers, queue.Queue(places), sink)


def logging_mpqueue(sink: Sink, places: int) -> Log:
    """The standard library as for many processes."""
    made = multiprocessing.get_context("fork").Queue(places)
    return _of_logging(logging, logging.handlers, made, sink)


def onewriter_queue(sink: Sink, places: int) -> Log:
    """Ours with `logging`."""
    from onewriter import handlers

    return _of_logging(logging, handlers, handlers.Queue(places), sink)


def picologging(sink: Sink, places: int) -> Log:
    """picologging with its own handlers."""
    import picologging
    from picologging import handlers

    return _of_logging(picologging, handlers, queue.Queue(places), sink)


SETUPS = {
    "onewriter": onewriter,
    "onewriter/queue": onewriter_queue,
    "logging/queue": logging_queue,
    "logging/mpqueue": logging_mpqueue,
    "loguru": loguru,
    "picologging/queue": picologging,
}


class Got:
    """A sink that remembers which of its texts, `NUMBER text`, it got, and has a fault."""

    def __init__(self, fault: Callable[[int], Any] = lambda number: None) -> None:
        self._fault = fault
        self.numbers: list[int] = []

    def __call__(self, text: str) -> None:
        number = int(text.split(None, 1)[0])
        self._fault(number)
        self.numbers.append(number)

    def missing(self, count: int) -> int:
        """How many of the first `count` did not come."""
        return len(set(range(count)) - set(self.numbers))


def sink_raises_once(opened: Callable[[Sink, int], Log]) -> tuple[int, str]:
    """The sink raises at the fifth of twenty records, which counts as missing."""

    def raises(number: int) -> None:
        if number == 4:
            raise OSError("the sink has failed")

    got = Got(raises)
    log = opened(got, 0)
    for number in range(20):
        log.info(f"{number} text")
        time.sleep(0.005)
    log.close()
    return got.missing(20), ""


def queue_full(opened: Callable[[Sink, int], Log]) -> tuple[int, str]:
    """A thousand places, a sink that takes a millisecond, 3,000 records at once."""
    got = Got(lambda number: time.sleep(0.001))
    log = opened(got, 1_000)
    for number in range(3_000):
        log.info(f"{number} text")
    log.close()
    return got.missing(3_000), ""


def slow_sink(opened: Callable[[Sink, int], Log]) -> tuple[int, str]:
    """Twenty records of 5 MB, a sink that takes 50 ms."""
    got = Got(lambda number: time.sleep(0.05))
    log = opened(got, 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    for number in range(20):
        log.info(f"{number} " + chr(97 + number) * 5_000_000)
    took = time.monotonic() - began
    log.close()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return got.missing(20), f"caller {took:.2f} s, +{grown // 1024} MB"


class Unloadable:
    """What can be pickled, but not be read back."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


def _one_extra(opened: Callable[[Sink, int], Log], value: object) -> tuple[int, str]:
    got = Got()
    log = opened(got, 0)
    for number in range(10):
        if number == 4:
            log.with_extra(f"{number} text", value)
        else:
            log.info(f"{number} text")
        time.sleep(0.005)
    log.close()
    return got.missing(10), ""


def extra_unpicklable(opened: Callable[[Sink, int], Log]) -> tuple[int, str]:
    """One of ten records has a value that cannot be pickled."""
    return _one_extra(opened, threading.Lock())


def extra_unloadable(opened: Callable[[Sink, int], Log]) -> tuple[int, str]:
    """One of ten records has a value that can be pickled, but not be read back."""
    return _one_extra(opened, Unloadable())


CASES: dict[str, Callable[..., tuple[int, str]]] = {
    case.__name__: case
    for case in (sink_raises_once, queue_full, slow_sink, extra_unpicklable, extra_unloadable)
}

if __name__ == "__main__":
    name, setup = sys.argv[1:]
    missing, remark = CASES[name](SETUPS[setup])
    print(json.dumps({"missing": missing, "remark": remark}), flush=True)

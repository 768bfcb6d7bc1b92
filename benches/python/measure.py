"""One measurement: `measure.py SETUP MODE FOLDER RECORDS THREADS PROCESSES`.

Prints one JSON object; `compare.py` starts it. The records are numbered for each producer, so that
what was written can be checked afterwards.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import sys
import threading
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peers

WARM = 200
BATCH = 20
PAUSE = 0.002
LOOPS = 200_000
"""Calls of the loop that times a call below the level."""


def _numbers(count: int) -> array[int]:
    return array("q", bytes(8 * count))


def _one_by_one(
    log: peers.Log, producer: int, samples: array[int], pause: float, ready: Callable[[], Any]
) -> None:
    """Times each call; with a `pause` they come in batches."""
    info, message, clock, sleep = log.info, log.message, time.perf_counter_ns, time.sleep
    for number in range(WARM):
        info(message, producer, number, number * 0.001, "user-42")
    ready()
    for k in range(len(samples)):
        if pause and k % BATCH == 0:
            sleep(pause)
        number = WARM + k
        took = number * 0.001
        began = clock()
        info(message, producer, number, took, "user-42")
        samples[k] = clock() - began


def _cost_of_clock() -> int:
    clock = time.perf_counter_ns
    samples = _numbers(10_001)
    for k in range(len(samples)):
        began = clock()
        samples[k] = clock() - began
    return sorted(samples)[len(samples) // 2]


def _all(log: peers.Log, producer: int, count: int) -> None:
    info, message = log.info, log.message
    for number in range(count):
        info(message, producer, number, number * 0.001, "user-42")


def _distribution(samples: list[int]) -> dict[str, float]:
    samples.sort()

    def at(share: float) -> int:
        return samples[min(int(share * len(samples)), len(samples) - 1)]

    shown = {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "p99.9": at(0.999)}
    return {**shown, "max": samples[-1], "mean": sum(samples) / len(samples)}


def _in_threads(work: Callable[[int], Any], threads: int) -> None:
    if threads == 1:
        return work(0)
    crew = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()


def calls(log: peers.Log, count: int, threads: int, pause: float) -> dict[str, float]:
    """Nanoseconds of a call, by share of the calls, without what the clock costs."""
    samples = [_numbers(count // threads) for _ in range(threads)]
    gate = threading.Barrier(threads)
    _in_threads(lambda k: _one_by_one(log, k, samples[k], pause, gate.wait), threads)
    clock = _cost_of_clock()
    log.close()
    return _distribution([max(took - clock, 0) for part in samples for took in part])


def load(log: peers.Log, count: int, threads: int) -> dict[str, float]:
    """Records a second, until the last one is in the file."""
    gate = threading.Barrier(threads)
    share = count // threads

    def work(producer: int) -> None:
        gate.wait()
        _all(log, producer, share)

    began = time.perf_counter()
    _in_threads(work, threads)
    called = time.perf_counter()
    log.close()
    return {"rate": count / (time.perf_counter() - began), "calls_s": called - began}


def processes(log: peers.Log, count: int, workers: int) -> dict[str, float]:
    """The same from forked workers, which end as they like; memory is that of all."""
    context = multiprocessing.get_context("fork")
    gate, told = context.Barrier(workers), context.SimpleQueue()
    share = count // workers

    def work(producer: int) -> None:
        gate.wait()
        began = time.perf_counter()
        _all(log, producer, share)
        told.put((began, _peak_memory()))

    crew = [context.Process(target=work, args=(number,)) for number in range(workers)]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
    log.close()
    ended = time.perf_counter()
    reports = [told.get() for _ in crew]
    rate = count / (ended - min(began for began, _ in reports))
    return {"rate": rate, "workers_memory": sum(memory for _, memory in reports)}


def disabled(log: peers.Log) -> dict[str, float]:
    """Nanoseconds of a call below the level, without the loop around it."""
    debug, message, clock = log.debug, log.message, time.perf_counter_ns
    rounds = []
    for _ in range(5):
        began = clock()
        for number in range(LOOPS):
            debug(message, 0, number, 0.5, "user-42")
        called = clock()
        for number in range(LOOPS):
            pass
        rounds.append(((called - began) - (clock() - called)) / LOOPS)
    log.close()
    return {"ns": sorted(rounds)[2]}


async def _tick(late: list[float]) -> None:
    """How much later than in a millisecond it comes to itself again, until it is cancelled."""
    clock = time.perf_counter
    while True:
        began = clock()
        await asyncio.sleep(0.001)
        late.append(clock() - began - 0.001)


async def _log_paced(log: peers.Log, first: int, count: int, batch: int, pause: float) -> None:
    info, message = log.info, log.message
    for number in range(first, first + count):
        info(message, 0, number, number * 0.001, "user-42")
        if number % batch == batch - 1:
            await asyncio.sleep(pause)


async def _ticker(log: peers.Log, count: int, batch: int, pause: float) -> list[float]:
    late: list[float] = []
    first = 0
    while len(late) < 200:  # who logs fast is soon done, and a percentile needs numbers
        ticking = asyncio.create_task(_tick(late))
        await asyncio.sleep(0)
        await _log_paced(log, first, count, batch, pause)
        ticking.cancel()
        first += count
    return [float(first), *late]


def ticker(log: peers.Log, count: int, pause: float) -> dict[str, float]:
    """By how many nanoseconds a task that sleeps a millisecond is late while another one logs.

    With a `pause` the records come 20 at a time; else each 10 let others run once.
    """
    batch = BATCH if pause else 10
    logged, *late = asyncio.run(_ticker(log, count, batch, pause))
    log.close()
    return {**_distribution([int(it * 1e9) for it in late]), "logged": logged}


def _peak_memory() -> int:
    """The most memory that this process had at a time, in bytes; shared memory counts."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _processor_time() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(it.ru_utime + it.ru_stime for it in used)


def measure(setup: str, mode: str, folder: str, count: int, threads: int, workers: int) -> dict:
    """Opens the logger and measures it; with the numbers comes how many records must be there."""
    log = peers.SETUPS[setup].open(f"{folder}/log")
    began = _processor_time()
    expected = count
    if mode in ("spaced", "packed"):
        found = calls(log, count, threads, PAUSE if mode == "spaced" else 0.0)
        expected += WARM * threads
    elif mode == "load" and workers > 1:
        found = processes(log, count, workers)
    elif mode == "load":
        found = load(log, count, threads)
    elif mode == "disabled":
        found, expected = disabled(log), 0
    else:
        found = ticker(log, count, PAUSE if mode == "paced" else 0.0)
        expected = int(found.pop("logged"))
    used = (_processor_time() - began) / max(expected, 1) * 1e9
    memory = _peak_memory() + found.pop("workers_memory", 0)
    return {**found, "cpu_ns": used, "memory": memory, "expected": expected}


if __name__ == "__main__":
    name, how, where, *amounts = sys.argv[1:]
    print(json.dumps(measure(name, how, where, *(int(it) for it in amounts))))

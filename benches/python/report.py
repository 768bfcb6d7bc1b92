"""Medians, ratios, goals and Markdown."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import peers
from rows import GOALS, OURS, Goal, Row

Runs = dict[tuple[str, str, int], dict[str, Any]]
"""What came of each row, set-up and round: the numbers, `faults`, or `failed` with the reason."""

_COLUMNS = {
    "spaced": ("p50", "p95", "p99", "p99.9", "max", "mean"),
    "packed": ("p50", "p95", "p99", "p99.9", "max", "mean"),
    "paced": ("p50", "p99", "max"),
    "busy": ("p50", "p99", "max"),
    "disabled": ("ns",),
    "load": ("rate", "cpu_ns", "memory"),
}
_HEADS = {"rate": "records/s", "cpu_ns": "CPU ns/record", "memory": "peak MB"}


def table(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first line is its head."""
    first, *rest = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([first, "|" + " --- |" * len(lines[0]), *rest]) + "\n"


def machine(folder: Path) -> str:
    """Processors, kernel, file system, Python, day and load, in one sentence."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    names = [line for line in cpuinfo.splitlines() if line.startswith("model name")]
    model = names[0].split(": ", 1)[1] if names else "unknown processor"
    stat = ["stat", "--file-system", "--format=%T", str(folder)]
    files = subprocess.run(stat, capture_output=True, text=True).stdout.strip()
    return (
        f"{os.cpu_count()} processors ({model}), Linux {platform.release()}, logs on {files}, "
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"{time.strftime('%Y-%m-%d', time.gmtime())}; load average {os.getloadavg()[0]:.2f}."
    )


def versions() -> str:
    """The versions of all that take part, and who is not installed."""
    needed = sorted({setup.needs for setup in peers.SETUPS.values()} - {""})
    found = {name: peers.version(name) for name in needed}
    text = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    missing = [name for name, version in found.items() if version is None]
    return f"{text}." + (f" Not installed: {', '.join(missing)}." if missing else "")


def values(runs: Runs, row: str, setup: str, number: str) -> dict[int, float]:
    """A number by round."""
    found = {at[2]: run for at, run in runs.items() if at[:2] == (row, setup)}
    return {round: run[number] for round, run in found.items() if number in run}


def ratio(runs: Runs, row: str, ours: str, others: Iterable[str], number: str) -> float | None:
    """The median over the rounds of a number of `ours` divided by that of the best of the others.

    Whose log was not whole is nobody's rival.
    """
    whole = {at: run for at, run in runs.items() if not run.get("faults")}
    mine = values(runs, row, ours, number)
    theirs = [values(whole, row, other, number) for other in others]
    best = max if number == "rate" else min
    ratios = []
    for round, value in mine.items():
        rivals = [it[round] for it in theirs if round in it]
        if rivals and best(rivals):
            ratios.append(value / best(rivals))
    return statistics.median(ratios) if ratios else None


def _shown(number: str, found: Iterable[float]) -> str:
    value = statistics.median(found)
    if number == "memory":
        return f"{value / 1e6:,.0f}"
    return f"{value:,.1f}" if number == "ns" else f"{value:,.0f}"


def _times(value: float) -> str:
    return f"1/{1 / value:.3g}" if value < 0.1 else f"{value:.3g}"


def of_row(row: Row, runs: Runs, setups: Sequence[str]) -> str:
    """A row's table; who has no result says why."""
    columns = _COLUMNS[row.mode]
    main = columns[0] if row.mode not in ("paced", "busy") else "p99"
    head = [_HEADS.get(column, column) for column in columns]
    lines = [["set-up", *head, f"{_HEADS.get(main, main)} beside `{row.base}`", "log"]]
    for setup in setups:
        done = [run for at, run in runs.items() if at[:2] == (row.name, setup)]
        failed = sorted({run["failed"] for run in done if "failed" in run})
        found = [values(runs, row.name, setup, column).values() for column in columns]
        cells = [_shown(*it) if it[1] else "" for it in zip(columns, found, strict=True)]
        beside = ratio(runs, row.name, setup, [row.base], main)
        faults = "; ".join([*failed, *_faults(done)]) or "whole"
        if row.mode == "disabled" or setup == "nothing":
            faults = "; ".join(failed)
        lines.append([f"`{setup}`", *cells, "" if beside is None else _times(beside), faults])
    return f"### {row.title}\n\n`--only {row.name}`\n\n{table(lines)}\n"


def of_setups(rows: Sequence[Row]) -> str:
    """How everyone who takes part is set up."""
    names = {name for row in rows for name in row.setups}
    lines = [[f"`{name}`", it.shown] for name, it in peers.SETUPS.items() if name in names]
    return f"### Set-ups\n\n{table([['set-up', 'how'], *lines])}"


def _faults(done: Iterable[dict[str, Any]]) -> list[str]:
    found: dict[str, int] = {}
    for run in done:
        for what, count in run.get("faults", {}).items():
            found[what] = max(found.get(what, 0), count)
    return [f"{count:,} {what}" for what, count in found.items()]


def judge(goal: Goal, row: Row, runs: Runs) -> tuple[str, str]:
    """What was measured for a goal, and whether it is met: yes, **no** or nothing."""
    everybody = [it for it in row.setups if it not in OURS and it != "nothing"]
    rivals = goal.peers or everybody
    found = ratio(runs, goal.row, goal.ours, rivals, goal.number)
    if found is None:
        return "not measured", ""
    met = found >= goal.limit if goal.number == "rate" else found <= goal.limit
    mine = _shown(goal.number, values(runs, goal.row, goal.ours, goal.number).values())
    return f"{_times(found)} ({mine}{_UNITS[goal.number]})", "yes" if met else "**no**"


_UNITS = {"rate": " records/s", "memory": " MB"}
_UNITS |= dict.fromkeys(("p50", "p99", "p99.9", "ns"), " ns")
_WHAT = {"rate": "records/s", "memory": "peak memory", "ns": "a call"}


def of_goals(rows: Sequence[Row], runs: Runs) -> str:
    """The table of goals, for the rows that were measured."""
    lines = [["measure", "goal", "measured", "met"]]
    for row in rows:
        for goal in GOALS:
            if goal.row == row.name:
                at = "at least" if goal.number == "rate" else "at most"
                what = f"{row.name}: `{goal.ours}`, {_WHAT.get(goal.number, goal.number)}"
                lines.append([what, f"{at} {goal.words}", *judge(goal, row, runs)])
    lost = _faults(run for at, run in runs.items() if at[1] in OURS)
    failed = [run["failed"] for at, run in runs.items() if at[1] in OURS and "failed" in run]
    bad = "; ".join(lost + failed)
    lines.append(["all rows: our logs", "whole", bad or "whole", "**no**" if bad else "yes"])
    return f"### Goals\n\n{table(lines)}"

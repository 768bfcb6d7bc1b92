"""onewriter beside other loggers for Python: `compare.py --help`.

Each measurement is a process of its own with a folder of its own, and its log is checked. All take
turns, round after round, each round begins with another one, ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import check
import peers
import report
from child import end_by_signal, started
from rows import ROWS, Row

HERE = Path(__file__).parent
PATIENCE = 120.0
"""Seconds that a measurement may take."""
STILL = 8.0
"""Seconds without any processor time after which it hangs."""
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measures, and prints the tables; a goal that is missed is a result, not a failure."""
    options = _options()
    end_by_signal()
    rows = [row for row in ROWS if options.only in (None, row.name)]
    rounds = options.rounds or (1 if options.quick else 5)
    runs: report.Runs = {}
    with tempfile.TemporaryDirectory(prefix="onewriter-bench-", dir=options.folder) as folder:
        print(report.machine(Path(folder)), report.versions(), flush=True)
        for round in range(rounds):
            for row in rows:
                _say(f"round {round + 1} of {rounds}: {row.name}")
                _measure(row, round, options.quick, Path(folder), runs)
    print(_others(runs), f"Rounds: {rounds}.{' Quick: few records.' if options.quick else ''}\n")
    for row in rows:
        print(report.of_row(row, runs, row.quick if options.quick else row.setups))
    print(report.of_goals(rows, runs))
    print(report.of_setups(rows))
    if options.json is not None:
        written = [
            {"row": row, "setup": setup, "round": round, **run}
            for (row, setup, round), run in runs.items()
        ]
        options.json.write_text(json.dumps(written, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="onewriter beside other loggers for Python")
    parser.add_argument("--quick", action="store_true", help="few records, few peers, one round")
    parser.add_argument("--only", metavar="ROW", choices=[row.name for row in ROWS])
    parser.add_argument("--rounds", type=int, metavar="N", help="default 5, with --quick 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where each number goes, too")
    parser.add_argument("--folder", type=Path, help="for the logs; default: for temporary files")
    return parser.parse_args()


def _measure(row: Row, round: int, quick: bool, folder: Path, runs: report.Runs) -> None:
    setups = row.quick if quick else row.setups
    first = round % len(setups)
    for setup in (*setups[first:], *setups[:first]):
        if "failed" in runs.get((row.name, setup, 0), {}):
            continue  # once is enough: some take long to fail
        needs = peers.SETUPS[setup].needs
        if needs and peers.version(needs) is None:
            run: dict[str, Any] = {"failed": f"{needs} is not installed"}
        else:
            run = _one(row, setup, row.quick_records if quick else row.records, folder / "run")
        runs[row.name, setup, round] = run
        main = {key: run[key] for key in ("p50", "p99.9", "rate", "ns") if key in run}
        shown = "  ".join(f"{key} {value:,.0f}" for key, value in main.items())
        _say(f"  {setup:<26} {shown} {run.get('failed', '')} {run.get('faults') or ''}")


def _one(row: Row, setup: str, records: int, folder: Path) -> dict[str, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    numbers = [str(it) for it in (records, row.threads, row.processes)]
    command = [str(HERE / "measure.py"), setup, row.mode, str(folder), *numbers]
    before, began = _used(), time.monotonic()
    with started(command) as child:
        if not _ends(child):
            return {"failed": "hangs"}
        output, errors = child.communicate()
    if child.returncode != 0:
        return {"failed": (errors.strip().splitlines() or ["no word"])[-1][:120]}
    run = json.loads(output)
    used = [now - then for now, then in zip(_used(), before, strict=True)]
    run["others"] = max(used[0] - used[1], 0) / (time.monotonic() - began)
    expected = run.pop("expected")
    shares = [expected // row.producers] * row.producers
    run["faults"] = {} if setup == "nothing" else check.faults(folder, shares)
    return run


def _ends(child: subprocess.Popen[str]) -> bool:
    """Waits for it; false if it takes too long, or rests for long."""
    began = moved = time.monotonic()
    last = -1
    while time.monotonic() - began < PATIENCE:
        try:
            child.wait(0.02 if time.monotonic() - began < 2 else 0.25)
            return True
        except subprocess.TimeoutExpired:
            ticks = _ticks(child.pid)
        if ticks != last:
            last, moved = ticks, time.monotonic()
        elif time.monotonic() - moved > STILL:
            return False
    return False


def _ticks(pid: int) -> int:
    """The processor time of a process and of the children that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return sum(int(field) for field in fields[11:15])


def _used() -> tuple[float, float]:
    """Seconds of processor time: of the whole machine, and of what was started here."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    # Without idle, waiting for a disk, what a host took, and guests, who are counted as users.
    busy = sum(int(field) for k, field in enumerate(fields[:7]) if k not in (3, 4)) / TICKS
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return busy, sum(it.ru_utime + it.ru_stime for it in own)


def _others(runs: report.Runs) -> str:
    others = [run["others"] * 100 for run in runs.values() if "others" in run]
    if not others:
        return ""
    return (
        f"Other processes used {statistics.median(others):.0f} % of one processor in the median "
        f"measurement, {max(others):.0f} % at most."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""What is left of a log when something goes wrong, for onewriter and others: `faults.py --help`.

Prints Markdown: the records whose call has returned and that are not in the file, or twice, and who
hangs. Each program has a time limit and a session of its own, which is ended by its number.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import check
import fault_cases
import fault_sinks
import peers
import report
from child import end_by_signal, started

HERE = Path(__file__).parent
PATIENCE = 30.0
"""Seconds; what takes longer hangs. On a quiet machine what ends needs no more than five."""

SETUPS = ("onewriter", "onewriter/file", "onewriter/queue", "logging/mpqueue", "logging/queue")
SETUPS += ("loguru", "concurrent-log-handler", "picologging/queue", "logging", "structlog")
ROTATING = ("onewriter/rotation", "onewriter/rotating", "loguru/rotation", "logging/rotating")
ROTATING += ("concurrent-log-handler/rotating",)
SEVERAL = ("one_of_two_killed", "forks_beside_a_thread")
"""Cases that are a matter of luck."""
# In a worker nobody reads what is put into such a queue: the fault is known, the case says nothing.
LOCAL = ("logging/queue", "picologging/queue")
WORKERS = tuple(it for it in fault_cases.CASES if it.startswith(("worker", "one_of", "owner")))


def main() -> None:
    """Runs all programs and prints the tables."""
    options = _options()
    end_by_signal()
    with tempfile.TemporaryDirectory(prefix="onewriter-faults-", dir=options.folder) as folder:
        print(report.machine(Path(folder)), report.versions() + "\n", flush=True)

        def cell(case: str, setup: str) -> str:
            times = options.trials if case in SEVERAL else 1
            return _cell(case, setup, times, Path(folder))

        _print(options, SETUPS, [it for it in fault_cases.CASES if it != "rollover"], cell)
        _print(options, ROTATING, ["rollover"], cell)
    _print(options, tuple(fault_sinks.SETUPS), list(fault_sinks.CASES), _sink_cell)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="logs of programs that something happens to")
    known = [*fault_cases.CASES, *fault_sinks.CASES]
    parser.add_argument("--only", metavar="CASE", choices=known, help=", ".join(known))
    setups = [*SETUPS, *ROTATING]
    parser.add_argument("--setup", metavar="SETUP", choices=setups, help=", ".join(setups))
    parser.add_argument(
        "--trials", type=int, default=10, metavar="N", help="of cases that need luck; default 10"
    )
    parser.add_argument("--folder", type=Path, help="for the logs; default: for temporary files")
    return parser.parse_args()


def _print(
    options: argparse.Namespace,
    setups: Sequence[str],
    cases: Sequence[str],
    cell: Callable[[str, str], str],
) -> None:
    """Runs these cases and prints their table, as far as they were asked for."""
    setups = [it for it in setups if options.setup in (None, it)]
    cases = [it for it in cases if options.only in (None, it)]
    if setups and cases:
        lines = [[case.replace("_", " "), *(cell(case, it) for it in setups)] for case in cases]
        print(report.table([["case", *(f"`{it}`" for it in setups)], *lines]), flush=True)


def _cell(case: str, setup: str, times: int, folder: Path) -> str:
    if setup in LOCAL and case in WORKERS:
        return "not for workers"
    needs = peers.SETUPS[setup].needs
    if needs and peers.version(needs) is None:
        return "not installed"
    trials = [_trial(case, setup, seed, folder / f"{case}-{seed}") for seed in range(times)]
    cell = _summary(trials)
    print(f"  {case:<26} {setup:<24} {cell}", file=sys.stderr, flush=True)
    return cell


def _trial(case: str, setup: str, seed: int, folder: Path) -> dict[str, Any]:
    """Runs the program once; its faults, and how many of its children hung."""
    folder = folder.with_name(f"{folder.name}-{setup.replace('/', '-')}")
    folder.mkdir()
    counts = fault_cases.Counts(folder.with_suffix(".counts"), make=True)
    output, hung = _run("fault_cases.py", case, setup, str(folder), str(seed))
    shares = counts.shares()
    found = check.faults(folder, shares) if folder.exists() else {"missing": sum(shares)}
    if found.get("missing") and setup.startswith("onewriter"):
        found = {**_after_next_program(setup, folder, shares), "at first": found["missing"]}
    said = dict(line.split(" ", 1) for line in output.splitlines() if " " in line)
    if hung:
        found["hangs in close" if "records" in output else "hangs"] = 1
    return {"faults": found, "children": int(said.get("hung", "0"))}


def _after_next_program(setup: str, folder: Path, shares: list[int]) -> dict[str, int]:
    """The faults when another program has logged one record, of nobody here, to the same file."""
    code = (
        "import peers, sys; log = peers.SETUPS[sys.argv[1]].open(sys.argv[2]); "
        "log.info(log.message, 999, 0, 0.0, 'user-42'); log.close()"
    )
    command = [sys.executable, "-c", code, setup, str(folder / "log")]
    subprocess.run(command, cwd=HERE, timeout=PATIENCE, check=False, capture_output=True)
    return check.faults(folder, shares)


def _run(*command: str) -> tuple[str, bool]:
    """What a program said, and whether it, or a process that it left, had not ended in time."""
    with started([str(HERE / command[0]), *command[1:]]) as child:
        try:
            return child.communicate(timeout=PATIENCE)[0], False
        except subprocess.TimeoutExpired as late:
            # Bytes, though the pipe has text: what was read until then.
            return (late.stdout or b"").decode(), True


def _summary(trials: Sequence[dict[str, Any]]) -> str:
    """`0` if nothing was wrong; else what was, with the range of the trials."""
    parts = []
    for what in ("missing", "doubled", "torn", "out of order"):
        counts = sorted(trial["faults"].get(what, 0) for trial in trials)
        if counts[-1]:
            parts.append(f"{_range(counts)} {what}")
    at_first = sorted(trial["faults"].get("at first", 0) for trial in trials)
    if at_first[-1] and not any("missing" in trial["faults"] for trial in trials):
        parts.append(f"0 ({_range(at_first)} until the next program runs)")
    children = sorted(trial["children"] for trial in trials)
    if children[-1]:
        parts.append(f"**{_range(children)} children hang**")
    for how in ("hangs", "hangs in close"):
        hung = sum(how in trial["faults"] for trial in trials)
        if hung:
            parts.append(f"**{how}**" + (f" {hung} of {len(trials)}" if len(trials) > 1 else ""))
    return ", ".join(parts) or "0"


def _range(counts: Sequence[int]) -> str:
    low, high = counts[0], counts[-1]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _sink_cell(case: str, setup: str) -> str:
    needs = peers.SETUPS[setup].needs
    if needs and peers.version(needs) is None:
        return "not installed"
    output, hung = _run("fault_sinks.py", case, setup)
    if hung:
        return "**hangs**"
    if not output:
        return "**ended without a word**"
    result = json.loads(output.splitlines()[-1])
    missing = f"{result['missing']:,} missing" if result["missing"] else "0"
    return missing + (f"; {result['remark']}" if result["remark"] else "")


if __name__ == "__main__":
    main()

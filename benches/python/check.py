"""Whether a log has each record once, whole, and in the order of its producer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import peers

_MESSAGE = r"\[(\d+):(\d+)\] processed item in \d+\.\d{3} ms for user-42"
_TEXT = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? \| INFO     \| \w+:[\w<>]+:\d+ - " + _MESSAGE
)
_IN_JSON = re.compile(_MESSAGE)


def faults(folder: Path, shares: Sequence[int]) -> dict[str, int]:
    """How many records are missing, doubled, torn, out of order or nobody's; what is 0 is left out.

    `shares` has for each producer how many records it has numbered from 0 on.

    Rotated files have no order among themselves, so that order is looked for in each file.
    """
    found: Counter[tuple[int, int]] = Counter()
    torn = out_of_order = 0
    for path in peers.written(folder):
        last: dict[int, int] = {}
        with path.open(encoding="utf8", errors="replace", newline="\n") as lines:
            for line in lines:
                if not line.strip("\0\n"):
                    continue  # what a case has put before its records
                record = _record(line)
                if record is None:
                    torn += 1
                    continue
                producer, number = record
                out_of_order += number <= last.get(producer, -1)
                last[producer] = number
                found[record] += 1
    wanted = {(producer, it) for producer, share in enumerate(shares) for it in range(share)}
    seen = {
        "missing": len(wanted - found.keys()),
        "doubled": sum(found.values()) - len(found),
        "unknown": len(found.keys() - wanted),
        "torn": torn,
        "out of order": out_of_order,
    }
    return {what: count for what, count in seen.items() if count}


def _record(line: str) -> tuple[int, int] | None:
    """The producer and the number of a record; `None` for a line that is not whole."""
    if not line.endswith("\n"):
        return None
    text = line[:-1]
    if text.startswith("{"):
        try:
            event = json.loads(text)
            message = event["record"]["message"] if "record" in event else event["event"]
        except (ValueError, KeyError):
            return None
        match = _IN_JSON.fullmatch(message)
    else:
        match = _TEXT.fullmatch(text)
    return None if match is None else (int(match[1]), int(match[2]))

"""``python -m onewriter``: the shell commands, those of the `onewriter` program."""

from __future__ import annotations

import signal
import sys

from ._native import command


def main() -> int:
    """Runs the command with the arguments of the process, and returns its exit code."""
    args = sys.argv[1:]
    if args[:1] == ["demo"]:
        # It starts its own program again and again, and that is not Python.
        print("onewriter: demo is in the Rust program alone: cargo run --release -- demo", file=sys.stderr)
        return 2
    # Python's handler would only note the signal, and wait for the command.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return command(["onewriter", *args])


if __name__ == "__main__":
    sys.exit(main())

"""Runs Loguru's own tests against the onewriter that is installed; see the README beside it."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Beginnings of the names of tests, by the reason why onewriter does something else.
LEFT_OUT = {
    "A record during which rotation, retention or compression fails is written, and not lost.": (
        "test_filesink_compression.py::test_exception_during_compression_at_rotation",
        "test_filesink_retention.py::test_exception_during_retention_at_rotation",
        "test_filesink_rotation.py::test_exception_during_rotation",
    ),
    "The queue needs no lock of multiprocessing, and add() leaves the start method open.": (
        "test_add_option_context.py::test_using_multiprocessing_directly_if_context_is_none",
        "test_add_option_context.py::test_fork_context_as_",
        "test_add_option_context.py::test_spawn_context_as_",
    ),
    "12345.06702 seconds west are 3 hours, 25 minutes and 45.06702 seconds; Loguru says 26.": (
        "test_datetime.py::test_formatting_timezone_offset_down_to_the_second"
        "[HH-mm-ss zz Z ZZ--12345.06702",
    ),
    "mypy lists the parameters of add(), which has some that Loguru lacks.": (
        "typesafety/test_logger.yml::invalid_add_argument",
    ),
    "It is about Python 3.5.": ("test_contextualize.py::test_contextvars_fallback_352",),
}


def substitute(source: Path, folder: Path) -> None:
    """Makes a folder in which Loguru's tests, with its name exchanged for ours, can be run."""
    shutil.copytree(source / "tests", folder / "tests")
    shutil.copy(source / "pyproject.toml", folder)
    for path in (folder / "tests").rglob("*"):
        if path.suffix in (".py", ".yml"):
            path.write_bytes(re.sub(rb"\bloguru\b", b"onewriter", path.read_bytes()))
    # Some tests start programs whose only path for imports is this folder.
    package = find_spec("onewriter")
    assert package is not None and package.origin is not None, "onewriter is not installed"
    (folder / "onewriter").symlink_to(Path(package.origin).parent)
    # There it is no code to be checked, but a package that is used.
    (folder / "mypy.ini").write_text("[mypy]\n[mypy-onewriter.*]\nfollow_imports = silent\n")


def run(folder: str, arguments: list[str]) -> int:
    """Runs pytest in that folder; returns its exit status."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
    command += ["-p", "loguru_private", "--mypy-ini-file=mypy.ini", *arguments]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([folder, str(HERE)]),
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
    }
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def main() -> int:
    """Runs what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Further arguments are those of pytest."
    )
    parser.add_argument("source", type=Path, help="an unpacked source of Loguru 0.7.3")
    parser.add_argument("--all", action="store_true", help="leave no test out")
    asked, arguments = parser.parse_known_args()
    for reason, tests in {} if asked.all else LEFT_OUT.items():
        print("Left out:", reason, *tests, sep="\n    ", flush=True)
        arguments += [f"--deselect=tests/{test}" for test in tests]
    with tempfile.TemporaryDirectory(prefix="onewriter-loguru-") as folder:
        substitute(asked.source, Path(folder))
        return run(folder, arguments)


if __name__ == "__main__":
    sys.exit(main())

"""The shell commands behind `python -m onewriter`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from onewriter._native import FileQueue

COMMAND = [sys.executable, "-m", "onewriter"]


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *args], capture_output=True, text=True, timeout=60)


def test_it_is_the_program_with_its_help_errors_and_exit_codes():
    helped = run("--help")
    assert helped.returncode == 0
    assert all(f"\n  {name}" in helped.stdout for name in ("pipe", "serve", "tail", "stat", "recover"))
    wrong = run("nope")
    assert wrong.returncode == 2
    assert "unrecognized subcommand 'nope'" in wrong.stderr
    assert run("tail", "/nowhere/a.log").returncode == 3


def test_stat_shows_the_queue_of_this_process(tmp_path: Path):
    log = FileQueue(str(tmp_path / "a.log"))
    log.put("hello\n")
    log.complete(30.0)
    shown = json.loads(run("stat", "--json", "--once").stdout)
    assert str(tmp_path / "a.log") in json.dumps(shown)
    log.close(30.0)


def test_recover_writes_what_a_killed_program_left(tmp_path: Path):
    path = tmp_path / "a.log"
    code = """
import os, sys
from onewriter._native import FileQueue
log = FileQueue(sys.argv[1])
for number in range(1000):
    log.put(f"{number}\\n")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(path)], timeout=60)
    assert run("recover").returncode in (0, 1)
    log = FileQueue(str(path))
    log.close(30.0)
    assert path.read_text() == "".join(f"{number}\n" for number in range(1000))


def test_ctrl_c_ends_a_command(tmp_path: Path):
    path = tmp_path / "a.log"
    path.write_text("one\n")
    command = [*COMMAND, "tail", "-f", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout.readline() == "one\n"
        tail.send_signal(signal.SIGINT)
        assert tail.wait(60) in (-signal.SIGINT, 0, 130)


def test_the_demo_is_refused_with_where_it_is():
    demo = run("demo")
    assert (demo.returncode, demo.stdout) == (2, "")
    assert "cargo run --release -- demo" in demo.stderr

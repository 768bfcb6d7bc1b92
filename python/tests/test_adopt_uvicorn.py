"""uvicorn: spawned workers, each of which configures its logging anew, and one file."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")


def test_each_record_and_access_of_two_workers_is_in_the_file_once(workplace):
    server = workplace.start(workplace.examples / "uvicorn_workers.py", workplace.port)
    pages = [f"/page{number}" for number in range(30)]
    for page in pages:
        assert workplace.fetch(page) == "tea\n"
    workplace.stop(server)
    lines = workplace.log("shop.log")
    of_server = [line for line in lines if line.startswith("INFO uvicorn.error ")]
    assert sum("Started server process" in line for line in of_server) == 2
    assert sum("Started parent process" in line for line in of_server) == 1
    assert Counter(lines) - Counter(of_server) == Counter(
        [f"INFO shop asked for {page}" for page in pages]
        + [f"INFO access GET {page} HTTP/1.1 200 OK" for page in pages]
    )

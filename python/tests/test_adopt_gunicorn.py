"""gunicorn: master and workers, errors, accesses and the application, in one file."""

from __future__ import annotations

import logging
import re
import signal
from collections import Counter

import pytest

pytest.importorskip("gunicorn", reason="gunicorn is not installed")


def started(workplace, *options):
    folder = workplace.examples / "gunicorn"
    return workplace.start(
        *("-m", "gunicorn", "-c", folder / "gunicorn.conf.py", "--pythonpath", folder),
        *("--bind", f"127.0.0.1:{workplace.port}", "--no-control-socket", *options, "app:app"),
    )


def of(lines, logger):
    return [line for line in lines if line.split(" ")[1] == logger]


def accesses(pages):
    return [f"INFO gunicorn.access GET /{page} 200" for page in pages]


@pytest.mark.parametrize("is_preloaded", [True, False])
def test_each_access_and_record_is_in_the_file_once(workplace, is_preloaded):
    config = (workplace.examples / "gunicorn" / "gunicorn.conf.py").read_text()
    own = workplace.folder / "own.conf.py"
    own.write_text(config.replace("preload_app = True", f"preload_app = {is_preloaded}"))
    server = started(workplace, "-c", own)
    pages = [f"page{number}" for number in range(30)]
    for page in pages:
        assert workplace.fetch(f"/{page}") == "tea\n"
    assert workplace.stop(server) == 0
    lines = workplace.log("shop.log")
    loaded = 1 if is_preloaded else 2
    assert Counter(of(lines, "shop")) == Counter(
        ["INFO shop loaded"] * loaded + [f"INFO shop asked for /{page}" for page in pages]
    )
    assert Counter(of(lines, "gunicorn.access")) == Counter(accesses(pages))
    errors = of(lines, "gunicorn.error")
    assert sum("Booting worker" in line for line in errors) == 2
    assert sum("Shutting down: Master" in line for line in errors) == 1
    assert len(lines) == len(errors) + 2 * len(pages) + loaded


def test_after_sigusr1_everybody_writes_to_a_new_file(workplace):
    server = started(workplace)
    workplace.fetch("/before")
    workplace.log("shop.log")
    (workplace.folder / "shop.log").rename(workplace.folder / "shop.log.1")
    server.send_signal(signal.SIGUSR1)
    fetched = 0
    while not (workplace.folder / "shop.log").exists():
        fetched += 1
        workplace.fetch("/between")  # has to arrive, in the old file or the new one
    workplace.fetch("/after")
    assert workplace.stop(server) == 0
    old = (workplace.folder / "shop.log.1").read_text().splitlines()
    new = workplace.log("shop.log")
    assert "INFO gunicorn.access GET /before 200" in old
    assert "INFO gunicorn.access GET /after 200" in new
    between = ["INFO gunicorn.access GET /between 200"] * fetched
    assert [line for line in old + new if " /between 200" in line] == between


def test_the_logger_reopens_the_files_of_the_engine(tmp_path):
    from gunicorn.config import Config

    from onewriter.handlers import FileHandler
    from onewriter.integrations.gunicorn import Logger

    path = tmp_path / "shop.log"
    log, handler = logging.getLogger("shop.reopened"), FileHandler(path)
    log.addHandler(handler)
    try:
        log.error("old")
        handler.flush()
        path.rename(tmp_path / "shop.log.1")
        Logger(Config()).reopen_files()
        log.error("new")
    finally:
        log.removeHandler(handler)
        handler.close()
    assert (tmp_path / "shop.log.1").read_text() == "old\n"
    assert path.read_text() == "new\n"


def test_a_worker_that_is_killed_for_its_time_loses_nothing_and_stops_nobody(workplace):
    server = started(workplace, "--timeout", "1")
    workplace.fetch("/first")
    with pytest.raises(ConnectionError):
        workplace.fetch("/stuck")
    pages = [f"page{number}" for number in range(10)]
    for page in pages:
        assert workplace.fetch(f"/{page}") == "tea\n"
    assert workplace.stop(server) == 0
    lines = workplace.log("shop.log")
    asked = [f"INFO shop asked for /{page}" for page in ["first", "stuck", *pages]]
    assert of(lines, "shop") == ["INFO shop loaded", *asked]
    assert Counter(of(lines, "gunicorn.access")) == Counter(accesses(["first", *pages]))
    timeouts = [line for line in lines if re.search(r"WORKER TIMEOUT \(pid:\d+\)", line)]
    assert len(timeouts) == 1, lines
    killed = [line for line in lines if "was sent SIGKILL" in line]
    assert len(killed) == 1

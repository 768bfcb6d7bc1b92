"""Celery: main process and pool in one file; a task that is killed takes nothing with it."""

from __future__ import annotations

import importlib
import sys
from collections import Counter

import pytest

pytest.importorskip("celery", reason="celery is not installed")


@pytest.fixture
def tasks(workplace, monkeypatch):
    """The example as a client has it."""
    for folder in ("broker", "control", "results"):
        (workplace.folder / folder).mkdir()
    monkeypatch.chdir(workplace.folder)
    monkeypatch.syspath_prepend(workplace.examples)
    module = importlib.import_module("celery_tasks")
    yield module
    module.app.close()
    sys.modules.pop("celery_tasks")


def test_what_tasks_log_is_in_the_file_once_also_when_one_is_killed(workplace, tasks):
    from celery.exceptions import TimeLimitExceeded

    worker = workplace.start(
        *("-m", "celery", "-A", "celery_tasks", "worker", "--pool", "prefork", "--concurrency", 2),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
    stuck = tasks.stuck.delay()
    cakes = [tasks.bake.delay(f"cake {number}") for number in range(20)]
    with pytest.raises(TimeLimitExceeded):
        stuck.get(timeout=60, interval=0.05)
    for number, cake in enumerate(cakes):
        assert cake.get(timeout=60, interval=0.05) == f"cake {number}"
    late = tasks.bake.delay("late cake")
    assert late.get(timeout=60, interval=0.05) == "late cake"
    assert workplace.stop(worker) == 0
    lines = workplace.log("shop.log")
    own = [line for line in lines if "baking" in line or "waiting" in line]
    assert Counter(own) == Counter(
        [f"INFO bake baking cake {number}" for number in range(20)]
        + ["INFO stuck waiting for the oven", "INFO bake baking late cake"]
    )
    assert sum("Hard time limit (1s) exceeded for stuck" in line for line in lines) == 1
    assert sum(line.endswith("ready.") for line in lines) == 1

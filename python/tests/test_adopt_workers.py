"""Worker processes: multiprocessing under every start method, joblib's loky."""

from __future__ import annotations

import multiprocessing
from collections import Counter

import pytest


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_the_workers_of_a_data_loader_log_to_the_file_under_every_start_method(workplace, method):
    workplace.run(workplace.examples / "data_loader.py", method)
    lines = workplace.log("train.log")
    assert (lines[0], lines[-1]) == ("INFO epoch begins {}", "INFO epoch ends {}")
    for worker in range(3):
        own = [line for line in lines if line.endswith(f"{{'worker': {worker}}}")]
        assert own == [f"INFO loaded sample {index} {{'worker': {worker}}}" for index in range(50)]
    assert len(lines) == 152


def test_joblib_sends_the_logger_to_its_workers(workplace):
    pytest.importorskip("joblib", reason="joblib is not installed")
    workplace.run(workplace.examples / "joblib_jobs.py")
    lines = workplace.log("jobs.log")
    assert Counter(lines[:-1]) == Counter(f"INFO squaring {number}" for number in range(40))
    assert lines[-1] == "INFO sum 20540"

"""FastAPI: workers that each add the file, requests with their context, uvicorn's own records."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")


def test_each_record_of_two_workers_is_in_the_file_once_with_its_request(workplace):
    server = workplace.start(workplace.examples / "fastapi_app.py", workplace.port)
    for number in range(20):
        assert workplace.fetch(f"/tea/{number}", **{"x-request-id": f"r{number}"})
    assert workplace.fetch("/oven") == "{}"
    workplace.stop(server)
    lines = workplace.log("shop.log")
    own = [line for line in lines if " fastapi_app " in line]
    assert Counter(own) == Counter(
        [f"INFO fastapi_app tea for {number} {{'request': 'r{number}'}}" for number in range(20)]
        + ["WARNING fastapi_app the oven is cold {'request': '-'}"]
    )
    accesses = [line for line in lines if line.startswith("INFO uvicorn.access ")]
    assert len(accesses) == 21
    started = [line for line in lines if "Started server process" in line]
    assert len(started) == 2


def test_a_level_that_only_logging_knows_is_logged_by_its_number_and_places_are_kept(workplace):
    program = (
        "import logging; from fastapi_app import logger\n"
        "logger.add('place.log', enqueue=True,"
        " format='{name}:{function}:{line} {level} {message}')\n"
        "def sell(): logging.getLogger('shop').log(25, 'sold')\n"
        "sell()\n"
        "logging.getLogger('shop').error('out of %s', 'tea')\n"
    )
    assert workplace.run("-c", program) == ""
    assert workplace.log("place.log") == [
        "shop:sell:3 Level 25 sold",
        "shop:<module>:5 ERROR out of tea",
    ]

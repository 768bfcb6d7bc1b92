"""OpenTelemetry's ids and context variables: what they are at the call."""

from __future__ import annotations

import pytest


def test_records_have_the_ids_of_the_span_they_were_logged_in(workplace):
    pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")
    ids = workplace.run(workplace.examples / "opentelemetry_ids.py").strip()
    nothing = f"{'0' * 32} {'0' * 16}"
    assert ids != nothing
    assert workplace.log("shop.log") == [
        f"{nothing} INFO outside",
        f"{ids} INFO inside",
        f"{ids} WARNING also inside",
    ]


def test_context_variables_are_those_of_the_task_that_logs(workplace):
    workplace.run(workplace.examples / "context_vars.py")
    assert workplace.log("shop.log") == ["Ann 1 came", "Bob 2 came", "Ann 1 went", "Bob 2 went"]

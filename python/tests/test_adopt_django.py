"""Django: LOGGING with the handlers of the package."""

from __future__ import annotations

import pytest

pytest.importorskip("django", reason="django is not installed")


def test_the_site_s_records_and_django_s_own_are_in_the_file(workplace):
    workplace.run(workplace.examples / "django_site.py")
    lines = workplace.log("shop.log")
    assert lines[:4] == [
        "INFO shop tea for Ann",
        "WARNING django.request Not Found: /nowhere",
        "ERROR django.request Internal Server Error: /oven",
        "Traceback (most recent call last):",
    ]
    assert lines[-1] == "RuntimeError: the oven is cold"
    assert sum(line == "Traceback (most recent call last):" for line in lines) == 1

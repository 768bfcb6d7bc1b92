"""What the environment says."""

import os
import subprocess
import sys

import pytest

from onewriter._defaults import env


def run(code, **variables):
    """The output and errors of code in a new interpreter with these variables."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONIOENCODING": "utf8",
            **variables,
        },
        capture_output=True,
        text=True,
        encoding="utf8",
        timeout=60,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("text", ["1", "true", "Yes", "y", "ok", "ON"])
def test_words_of_consent_are_true(monkeypatch, text):
    monkeypatch.setenv("A_BOOL", text)
    assert env("A_BOOL", bool) is True


@pytest.mark.parametrize("text", ["0", "False", "no", "n", "nok", "off"])
def test_words_of_refusal_are_false(monkeypatch, text):
    monkeypatch.setenv("A_BOOL", text)
    assert env("A_BOOL", bool) is False


@pytest.mark.parametrize(("kind", "text"), [(bool, ""), (bool, "maybe"), (int, ""), (int, "4.5")])
def test_another_word_is_refused_with_the_name_of_its_variable(monkeypatch, kind, text):
    monkeypatch.setenv("A_VALUE", text)
    what = "a boolean" if kind is bool else "an integer"
    with pytest.raises(ValueError) as caught:
        env("A_VALUE", kind)
    assert (
        str(caught.value) == f"Invalid environment variable 'A_VALUE' (expected {what}): '{text}'"
    )


def test_what_is_not_set_has_its_default(monkeypatch):
    monkeypatch.delenv("A_VALUE", raising=False)
    assert [env("A_VALUE", kind, 7) for kind in (str, int, bool)] == [7, 7, 7]


def test_an_unknown_kind_is_refused(monkeypatch):
    monkeypatch.setenv("A_VALUE", "4.5")
    with pytest.raises(ValueError, match="^The requested type 'float' is not supported$"):
        env("A_VALUE", float)


def test_at_import_there_is_one_handler_for_stderr():
    out, err = run("from onewriter import logger; print(logger); logger.info('hello')")
    assert out == "<onewriter.logger handlers=[(id=0, level=10, sink=<stderr>)]>\n"
    assert err.endswith(" | INFO     | __main__:<module>:1 - hello\n")


def test_the_environment_sets_the_parameters_of_the_first_handler():
    code = "from onewriter import logger; logger.debug('no'); logger.info('{}', 1)"
    out, err = run(code, LOGURU_FORMAT="[{level}] {message}", LOGURU_LEVEL="INFO")
    assert (out, err) == ("", "[INFO] 1\n")


def test_the_environment_can_leave_the_first_handler_out():
    code = "from onewriter import logger; print(logger); print(logger.add(print))"
    assert run(code, LOGURU_AUTOINIT="0") == ("<onewriter.logger handlers=[]>\n0\n", "")


def test_the_environment_changes_the_standard_levels():
    code = (
        "from onewriter import logger; logger.remove()\n"
        "logger.add(print, format='{level.no} {level.icon} {message}', level=15)\n"
        "logger.debug('debug'); logger.info('info')"
    )
    out, err = run(code, LOGURU_DEBUG_NO="16", LOGURU_INFO_NO="14", LOGURU_DEBUG_ICON="D")
    assert (out, err) == ("16 D debug\n\n", "")


def test_without_stderr_there_is_no_handler():
    code = (
        "import sys; sys.stderr = None\nfrom onewriter import logger; print(logger); logger.info(1)"
    )
    assert run(code) == ("<onewriter.logger handlers=[]>\n", "")

"""Warnings, uncaught exceptions and what is printed, as records."""

from __future__ import annotations

import io
import logging
import sys
import threading
import warnings

import pytest

from onewriter import capture


def test_everything_that_a_program_says_is_in_its_log(workplace):
    assert workplace.run(workplace.examples / "capture_all.py", status=1) == ""
    lines = workplace.log("shop.log")
    heads = ("DEBUG ", "INFO ", "WARNING ", "ERROR ", "CRITICAL ")
    assert [line for line in lines if line.startswith(heads)] == [
        "WARNING py.warnings DeprecationWarning: cake is old",
        "INFO __main__ tea is ready",
        "WARNING __main__ milk is not",
        "ERROR __main__ Uncaught exception in thread baker",
        "ERROR __main__ Task exception was never retrieved",
        *[line for line in lines if line.startswith("ERROR __main__ Exception ignored ")],
        "CRITICAL __main__ Uncaught exception",
    ]
    assert lines.count("RuntimeError: the oven is cold") == 2
    assert lines.count("ValueError: lost") == 1
    assert lines[-1] == "SystemError: closed"


@pytest.fixture
def redirected(monkeypatch):
    """A function: standard output and error become the files in memory that it returns."""

    def redirect():
        streams = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        return streams

    return redirect


@pytest.fixture(autouse=True)
def own_hooks(monkeypatch):
    """The interpreter's hooks, in place of those of the test runner, and asyncio's logger as new."""
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", False)


def test_undo_puts_back_what_was_there(logger, redirected):
    out, err = redirected()

    def hooks():
        return (
            (warnings.showwarning, sys.excepthook, threading.excepthook, sys.unraisablehook),
            (sys.stdout, sys.stderr, logging.getLogger("asyncio").handlers[:]),
        )

    before = hooks()
    with capture.install(stdout=True, stderr=True):
        assert all(one is not other for one, other in zip(hooks()[0], before[0], strict=True))
        assert sys.stdout is not out
    assert hooks() == before


def test_undo_leaves_what_somebody_else_has_put_there_since(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    installed = capture.install(warnings=False)
    sys.excepthook = other = lambda *_: None
    installed.undo()
    assert sys.excepthook is other


def test_only_what_is_asked_for_is_installed(redirected):
    out, err = redirected()
    before = sys.excepthook, warnings.showwarning
    with capture.install(warnings=False, exceptions=False, stderr=True):
        assert (sys.excepthook, warnings.showwarning, sys.stdout) == (*before, out)
        assert sys.stderr is not err


def test_a_warning_names_the_place_it_warns_of(logger, written):
    logger.add(written, format="{level} {name} {file.path} {line} {message}")
    with capture.install(exceptions=False):
        warnings.showwarning(UserWarning("old"), UserWarning, "/shop/cake.py", 12)
    assert written == ["WARNING py.warnings /shop/cake.py 12 UserWarning: old\n"]


def test_a_warning_that_is_for_a_file_goes_there(logger, written, monkeypatch):
    logger.add(written)
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda *args: shown.append(args))
    args = (UserWarning("old"), UserWarning, "cake.py", 12, io.StringIO(), "eat()")
    with capture.install(exceptions=False):
        warnings.showwarning(*args)
    assert (shown, written) == ([args], [])


def test_without_a_handler_everything_is_shown_as_before(logger, redirected, monkeypatch):
    out, err = redirected()
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda *args: shown.append(args))
    warning = (UserWarning("old"), UserWarning, "cake.py", 12)
    with capture.install(stdout=True):
        warnings.showwarning(*warning)
        print("tea")
        sys.excepthook(ValueError, ValueError("lost"), None)
    assert out.getvalue() == "tea\n"
    assert shown == [(*warning, None, None)]
    assert "ValueError: lost" in err.getvalue()


def test_an_exception_is_named_after_the_place_that_raised_it(logger, written):
    logger.add(written, format=lambda _: "{level} {name}:{function} {message}\n")

    def bake():
        raise ValueError("burnt")

    with capture.install():
        thread = threading.Thread(target=bake, name="oven {1}")
        thread.start()
        thread.join()
    assert written == [f"ERROR {__name__}:bake Uncaught exception in thread oven {{1}}\n"]


def test_an_interrupt_and_an_end_of_a_thread_are_no_records(logger, written, monkeypatch):
    logger.add(written)
    seen = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: seen.append(kind))
    with capture.install():
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
        thread = threading.Thread(target=sys.exit)
        thread.start()
        thread.join()
    assert (seen, written) == ([KeyboardInterrupt], [])


def test_another_s_hook_is_called_too_and_installed_twice_it_logs_once(
    logger, written, monkeypatch
):
    logger.add(written, format=lambda _: "{message}\n")
    seen = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: seen.append(kind))
    with capture.install(), capture.install():
        sys.excepthook(ValueError, ValueError("lost"), None)
        logging.getLogger("asyncio").error("callback", exc_info=ValueError("lost"))
    assert seen == [ValueError]
    assert written == ["Uncaught exception\n", "callback\n"]


def test_a_line_is_one_record_however_it_is_written(logger, written, redirected):
    out, err = redirected()
    logger.add(written, format="{level} {function} {message}")
    name = test_a_line_is_one_record_however_it_is_written.__name__
    with capture.install(stdout=True, stderr=True):
        print("tea", "is", "{ready}")
        print("one\n\ntwo", end="")
        assert sys.stdout.write(" three\nfour") == 11
        sys.stderr.writelines(["five\n", "six\n"])
        sys.stdout.flush()
    lines = ["INFO tea is {ready}", "INFO one", "INFO ", "INFO two three"]
    lines += ["WARNING five", "WARNING six", "INFO four"]
    expected = [f"{line.split(' ', 1)[0]} {name} {line.split(' ', 1)[1]}\n" for line in lines]
    assert written == expected
    assert (out.getvalue(), err.getvalue()) == ("", "")


def test_a_line_without_an_end_is_named_after_the_print_that_wrote_it(logger, written, redirected):
    redirected()
    logger.add(written, format="{name}:{function} {file.name} {message}")

    def speak():
        print("half a line", end="")

    with capture.install(stdout=True):
        speak()
    assert written == [f"{__name__}:speak test_adopt_capture.py half a line\n"]


def test_a_line_without_an_end_is_shown_if_the_handlers_have_gone(logger, written, redirected):
    out, err = redirected()
    number = logger.add(written)
    with capture.install(stdout=True):
        print("half a line", end="")
        logger.remove(number)
    assert (out.getvalue(), written) == ("half a line", [])


def test_a_line_without_an_end_is_logged_when_the_program_ends(workplace):
    workplace.run(
        "-c",
        "import onewriter.capture; from onewriter import logger; logger.remove()\n"
        "logger.add('a.log', format='{function} {message}', enqueue=True)\n"
        "onewriter.capture.install(stdout=True)\n"
        "print('good', end='bye')",
    )
    assert workplace.log("a.log") == ["<module> goodbye"]


def test_lines_of_two_threads_do_not_mix(logger, written, redirected):
    out, err = redirected()
    logger.add(written, format="{message}")
    with capture.install(stdout=True):
        print("mine, ", end="")
        thread = threading.Thread(target=lambda: print("hers"))
        thread.start()
        thread.join()
        print("too")
    assert written == ["hers\n", "mine, too\n"]


@pytest.mark.parametrize("enqueue", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["stream", "handler", "function"])
def test_a_sink_on_the_captured_stream_shows_each_record_once(
    logger, redirected, enqueue, when, kind
):
    out, err = redirected()

    def add():
        sinks = {
            "stream": lambda: sys.stderr,
            "handler": lambda: logging.StreamHandler(sys.stderr),
            "function": lambda: lambda message: print(message, end="", file=sys.stderr),
        }
        logger.add(sinks[kind](), format="<{message}>", enqueue=enqueue)

    if when == "before":
        add()
    with capture.install(stderr=True):
        if when == "after":
            add()
        print("tea", file=sys.stderr)
        logger.info("milk")
        logger.complete()
    logger.remove()
    assert err.getvalue() == "<tea>\n<milk>\n"


def test_the_captured_stream_is_otherwise_the_one_that_was_there(redirected):
    out, err = redirected()
    with capture.install(stdout=True):
        assert sys.stdout.isatty() is False
        assert sys.stdout.encoding == out.encoding
        with pytest.raises(AttributeError):
            sys.stdout.no_such_thing  # noqa: B018


def test_a_sink_that_hands_records_to_logging_does_not_get_them_back(logger, written):
    class ToLogging(logging.Handler):
        def emit(self, record):
            logging.getLogger("asyncio").handle(record)

    logger.add(written, format=lambda _: "{message}\n")
    logger.add(ToLogging(), format="{message}")
    with capture.install():
        logging.getLogger("asyncio").error("callback", exc_info=ValueError("lost"))
    assert written == ["callback\n"]

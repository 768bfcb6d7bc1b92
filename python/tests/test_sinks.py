"""What is taken as a sink."""

import asyncio
import functools
import io
import logging
import os
import sys
import threading

import pytest

from onewriter import _sinks


class Stream:
    """Remembers what was done with it; can flush and stop if it should."""

    def __init__(self, *, flush=None, stop=None, complete=None):
        self.events = []
        self.flush, self.stop, self.complete = flush, stop, complete

    def write(self, message):
        self.events.append(str(message))


def test_a_stream_is_written_flushed_after_each_message_and_stopped(logger):
    stream = Stream()
    stream.flush = lambda: stream.events.append("flushed")
    stream.stop = lambda: stream.events.append("stopped")
    logger.add(stream, format=lambda _: "{message}")
    logger.info("a")
    logger.info("b")
    logger.remove()
    assert stream.events == ["a", "flushed", "b", "flushed", "stopped"]


@pytest.mark.parametrize("what", [None, 1])
def test_a_stream_needs_nothing_but_write(logger, what):
    stream = Stream(flush=what, stop=what, complete=what)
    logger.add(stream, format="{message}", catch=False)
    logger.info("a")
    asyncio.run(awaited(logger))
    logger.remove()
    assert stream.events == ["a\n"]


async def awaited(logger):
    await logger.complete()


def test_the_complete_of_a_stream_is_awaited_if_it_is_a_coroutine_function(logger):
    stream = Stream()

    async def complete():
        stream.events.append("completed")

    stream.complete = complete
    logger.add(stream, format=lambda _: "{message}")
    logger.info("a")
    asyncio.run(awaited(logger))
    assert stream.events == ["a", "completed"]


def test_a_function_gets_a_string_with_its_record(logger):
    got = []
    logger.add(got.append, format="{message}")
    logger.bind(a=1).info("x")
    [message] = got
    assert isinstance(message, str) and message == "x\n"
    assert (message.record["message"], message.record["extra"]) == ("x", {"a": 1})


def test_an_error_of_stopping_a_stream_goes_to_who_removes_it_and_it_is_removed(logger):
    def stop():
        raise OSError("no")

    logger.add(Stream(stop=stop))
    with pytest.raises(OSError, match="^no$"):
        logger.remove(0)
    assert repr(logger) == "<onewriter.logger handlers=[]>"


@pytest.mark.parametrize("sink", [1, None, object(), [], b"bytes", sys])
def test_another_object_is_no_sink(logger, sink):
    with pytest.raises(TypeError) as caught:
        logger.add(sink)
    assert str(caught.value) == f"Cannot log to objects of type '{type(sink).__name__}'"


@pytest.mark.parametrize("sink", [print, io.StringIO(), logging.NullHandler()])
def test_an_argument_that_a_sink_does_not_take_is_refused(logger, sink):
    for name in ("rotation", "loop"):
        with pytest.raises(TypeError) as caught:
            logger.add(sink, **{name: None})
        assert str(caught.value) == f"add() got an unexpected keyword argument '{name}'"


def test_each_kind_of_sink_has_its_name(logger):
    class Callable:
        def __call__(self, message): ...

        def __repr__(self):
            return "Callable()"

    class Named(Stream):
        name = "<named>"

    async def coroutine(message): ...

    partial = functools.partial(print)
    for sink in (
        print,
        Callable(),
        Named(),
        coroutine,
        partial,
        logging.StreamHandler(sys.__stderr__),
    ):
        logger.add(sink)
    names = [repr(handler).partition("sink=")[2][:-1] for handler in logger._core.handlers.values()]
    assert names == [
        "print",
        "Callable()",
        "<named>",
        "coroutine",
        repr(partial),
        "<StreamHandler <stderr> (NOTSET)>",
    ]


class Standard(logging.Handler):
    """A handler of the standard library that remembers its records."""

    def __init__(self, level=logging.NOTSET):
        super().__init__(level)
        self.records, self.is_closed = [], False

    def emit(self, record):
        self.records.append(record)

    def close(self):
        self.is_closed = True
        super().close()


def test_a_standard_handler_gets_a_log_record_and_is_closed(logger):
    handler = Standard()
    logger.add(handler, format="<{level}> {message}")
    logger.bind(a=1).log("SUCCESS", "x {}", 2)
    [record] = handler.records
    assert (record.name, record.levelno, record.levelname) == (__name__, 25, "SUCCESS")
    assert (record.getMessage(), record.args, record.exc_info) == ("<SUCCESS> x 2", (), None)
    assert (record.pathname, record.funcName) == (
        __file__,
        "test_a_standard_handler_gets_a_log_record_and_is_closed",
    )
    assert record.extra == {"a": 1}
    logger.remove()
    assert handler.is_closed


def test_a_standard_handler_shows_a_traceback_once(logger):
    stream = io.StringIO()
    logger.add(logging.StreamHandler(stream), format="{message}")
    try:
        raise ValueError("once")
    except ValueError:
        logger.exception("x")
    assert stream.getvalue().startswith("x\nTraceback")
    assert stream.getvalue().count("ValueError: once") == 1


def test_a_standard_handler_keeps_its_own_level(logger):
    handler = Standard(logging.WARNING)
    logger.add(handler, format="{message}")
    logger.info("no")
    logger.warning("yes")
    assert [record.getMessage() for record in handler.records] == ["yes"]


async def _pause():
    for _ in range(3):
        await asyncio.sleep(0)


def coroutine_sink(texts):
    async def sink(message):
        await _pause()
        texts.append(str(message))

    return sink


@pytest.mark.parametrize("is_object", [True, False])
def test_a_coroutine_function_runs_in_the_running_loop_and_complete_awaits_it(
    logger, written, is_object
):
    function = coroutine_sink(written)

    class Sink:
        async def __call__(self, message):
            await function(message)

    async def main():
        logger.info("a")
        logger.info("b")
        assert written == []
        await logger.complete()
        assert written == ["a\n", "b\n"]

    logger.add(Sink() if is_object else function, format="{message}", catch=False)
    asyncio.run(main())


def test_without_a_loop_what_is_for_a_coroutine_function_is_discarded(logger, written):
    logger.add(coroutine_sink(written), format="{message}", catch=False)
    logger.info("a")
    asyncio.run(awaited(logger))
    assert written == []


@pytest.mark.parametrize("enqueue", [True, False])
def test_a_loop_that_is_given_runs_what_other_threads_log(logger, written, enqueue):
    loop = asyncio.new_event_loop()
    try:
        logger.add(
            coroutine_sink(written), format="{message}", loop=loop, enqueue=enqueue, catch=False
        )
        thread = threading.Thread(target=lambda: logger.info("a"))
        thread.start()
        thread.join()
        asyncio.run(awaited(logger))
        assert written == []
        loop.run_until_complete(awaited(logger))
        assert written == ["a\n"]
        logger.remove()
    finally:
        loop.close()


@pytest.mark.parametrize("given", [3, None, b"a.log", []])
def test_what_is_no_sink_is_told_before_what_a_sink_does_not_take(logger, given):
    message = f"^Cannot log to objects of type '{type(given).__name__}'$"
    with pytest.raises(TypeError, match=message):
        logger.add(given, rotation="1 MB")


def test_a_queue_needs_a_loop_for_a_coroutine_function(logger, written):
    with pytest.raises(
        ValueError, match="^An event loop is required to add a coroutine sink with `enqueue=True`"
    ):
        logger.add(coroutine_sink(written), enqueue=True)

    async def main():
        logger.add(coroutine_sink(written), format="{message}", enqueue=True)
        logger.info("a")
        await logger.complete()
        logger.remove()

    asyncio.run(main())
    assert written == ["a\n"]


def test_a_coroutine_function_that_is_removed_is_cancelled(logger, written):
    async def main():
        logger.info("a")
        logger.remove()
        await logger.complete()
        await _pause()

    logger.add(coroutine_sink(written), format="{message}", catch=False)
    asyncio.run(main())
    assert written == []


@pytest.mark.parametrize("is_given", [True, False])
def test_a_coroutine_function_that_completes_does_not_wait_for_itself(logger, written, is_given):
    async def sink(message):
        await logger.complete()
        written(message)

    async def main():
        logger.info("a")
        await asyncio.wait_for(asyncio.ensure_future(awaited(logger)), 20)

    loop = asyncio.new_event_loop()
    try:
        logger.add(sink, format="{message}", catch=False, **({"loop": loop} if is_given else {}))
        if is_given:
            logger.info("from outside of the loop")
        loop.run_until_complete(main())
    finally:
        loop.close()
    assert written == (["from outside of the loop\n"] if is_given else []) + ["a\n"]


@pytest.mark.parametrize("catch", [True, False])
def test_an_error_of_a_coroutine_function_is_reported_or_left_to_the_loop(logger, capsys, catch):
    contexts = []

    async def sink(message):
        raise ValueError("no")

    async def main():
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: contexts.append(context)
        )
        logger.info("a")
        await logger.complete()

    logger.add(sink, catch=catch)
    asyncio.run(main())
    err = capsys.readouterr().err
    if catch:
        lines = err.splitlines()
        assert (
            lines[0] == "--- Logging error in Loguru Handler #0 ---"
            and "'message': 'a'" in lines[1]
        )
        assert lines[-2:] == ["ValueError: no", "--- End of logging error ---"]
        assert contexts == []
    else:
        assert err == "" and [str(context["exception"]) for context in contexts] == ["no"]


@pytest.fixture
def environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS", "PYCHARM_HOSTED", "TERM"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


class Terminal:
    def __init__(self, is_terminal):
        self.isatty = lambda: is_terminal


@pytest.mark.parametrize("is_stderr", [True, False])
@pytest.mark.parametrize(
    ("variables", "terminal", "pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"CI": "1"}, True, False),
        ({"CI": "1", "GITHUB_ACTIONS": "1"}, True, "stderr"),
        ({"PYCHARM_HOSTED": "1"}, True, "stderr"),
        ({"TERM": "dumb"}, "not stderr", False),
    ],
)
def test_a_stream_decides_about_colours_and_the_environment_overrules_it(
    environment, variables, terminal, pipe, is_stderr
):
    for name, text in variables.items():
        environment.setenv(name, text)
    for is_terminal, expected in ((True, terminal), (False, pipe)):
        stream = Terminal(is_terminal)
        if is_stderr:
            environment.setattr(sys, "__stderr__", stream)
        expected = {"stderr": is_stderr, "not stderr": not is_stderr}.get(expected, expected)
        assert _sinks.should_colorize(stream) is expected


def test_a_stream_that_does_not_know_whether_it_is_a_terminal_has_no_colours(environment):
    def isatty():
        raise OSError

    stream = Stream()
    assert not _sinks.should_colorize(stream)
    stream.isatty = isatty
    assert not _sinks.should_colorize(stream)
    assert not _sinks.should_colorize(None)


def test_colours_are_for_streams_only_unless_asked_for_and_never_in_json(
    logger, environment, written
):
    environment.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    logger.add(stream, format="<red>{message}</red>")
    logger.add(stream, format="<red>{message}</red>", colorize=False)
    logger.add(written, format="<red>{message}</red>")
    logger.add(written, format="<red>{message}</red>", colorize=True)
    logger.add(written, format="<red>{message}</red>", colorize=True, serialize=True)
    logger.info("x")
    assert stream.getvalue() == "\x1b[31mx\x1b[0m\nx\n"
    assert written[:2] == ["x\n", "\x1b[31mx\x1b[0m\n"]
    assert written[2].startswith('{"text": "x\\n", ')


def test_a_path_is_a_file(logger, tmp_path):
    for path in (tmp_path / "a.log", os.fspath(tmp_path / "b.log")):
        number = logger.add(
            path, format="{message}", encoding="ascii", errors="backslashreplace", mode="w"
        )
        assert repr(logger).endswith(f"sink='{path}')]>")
        logger.info("ü")
        logger.remove(number)
    assert [(tmp_path / name).read_text() for name in ("a.log", "b.log")] == ["\\xfc\n"] * 2

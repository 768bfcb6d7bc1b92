"""Plain `logging` through `install`: what the quick way writes is what the ordinary one would have written."""

from __future__ import annotations

import logging
import logging.config
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import onewriter
from onewriter import _install
from onewriter._logging_format import translated

FORMAT = (
    "%(levelname)-8s|%(levelno)d|%(name)s|%(module)s|%(funcName)s|%(lineno)04d|%(filename)s|%(pathname)s|"
    "%(process)d|%(processName)s|%(thread)d|%(threadName)s|100%%|{}|%(message)s"
)


@pytest.fixture
def root():
    """The root logger, left as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield root
    onewriter.uninstall()
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


class Both:
    """Logs with the quick way and without it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder, self.options = folder, {"format": FORMAT, "level": 1, **options}

    def lines(self, call) -> list[str]:
        texts = []
        for name in ("quick", "slow"):
            path = self.folder / name
            handler = onewriter.install(path, **self.options)
            assert handler.is_formatted_by_writer()
            if name == "slow":
                handler.addFilter(lambda record: True)
            call()
            handler.flush()
            texts.append(path.read_text(encoding="utf8"))
            path.unlink()
        assert texts[0] == texts[1]
        return texts[0].splitlines()


VALUES = [
    0, -5, 2**62, 10**30, True, None, 0.1, 1e16, float("nan"), "text", "grüße", [1, "x"], {"k": 1}, (),
    ValueError("wrong"), object,
]  # fmt: skip


@pytest.mark.parametrize(
    "field", ["%s", "%d", "%5d", "%-8s|", "%.3f", "%08.2f", "%x", "%r", "%i", "%e", "%g", "%c", "%.2s", "%+d", "%a", "%%%s"]
)  # fmt: skip
def test_every_value_is_formatted_as_percent_does(root, tmp_path: Path, field: str):
    logger = logging.getLogger("shop.orders")
    good = []
    for value in VALUES:
        try:
            good.append((value, f"<{field}>" % (value,)))
        except (TypeError, ValueError, OverflowError):
            pass

    def log() -> None:
        for value, _ in good:
            logger.info(f"<{field}>", value)
            logger.warning("%s and %s", value, "more")

    lines = Both(tmp_path).lines(log)
    assert [line.split("|{}|", 1)[1] for line in lines[::2]] == [text for _, text in good]


def test_messages_of_every_kind_are_those_of_logging(root, tmp_path: Path, capsys):
    logger = logging.getLogger("shop")

    def log() -> None:
        logger.info("100% sure")
        logger.info("%(key)s", {"key": "value"})
        logger.info("%s", {"one": "mapping"})
        logger.info(12.5)
        logger.info(ValueError("wrong"))
        logger.info("x" * 100_000)
        logger.log(25, "by number %d", 1)
        logger.exception("no exception")
        logger.info("with extra", extra={"key": 1})
        logger.info("elsewhere", stacklevel=1)
        logger.critical("critical")
        logger.fatal("fatal")
        logging.info("of the root logger")
        logger.info("%d", "not a number")
        logger.info("%s %s", "too few")

    lines = Both(tmp_path).lines(log)
    said = [line.split("|{}|")[-1] for line in lines]
    assert said[:4] == ["100% sure", "value", "{'one': 'mapping'}", "12.5"]
    assert said[-3:] == ["critical", "fatal", "of the root logger"]
    # What cannot be formatted is told on stderr, as always, once for each way and message.
    assert capsys.readouterr().err.count("--- Logging error ---") == 4


def test_the_caller_is_named_on_both_ways(root, tmp_path: Path):
    logger = logging.getLogger("shop")

    def outer() -> None:
        inner()

    def inner() -> None:
        logger.info("quick")
        logger.info("slow", extra={})
        logger.info("above", stacklevel=2)
        logger.log(20, "log")

    functions = [line.split("|")[4] for line in Both(tmp_path).lines(outer)]
    assert functions == ["inner", "inner", "outer", "inner"]


def test_stack_info_and_exceptions_are_those_of_logging(root, tmp_path: Path):
    handler = onewriter.install(tmp_path / "a.log", format="%(message)s")
    logger = logging.getLogger("shop")
    logger.info("before")
    try:
        raise ValueError("wrong")
    except ValueError:
        logger.exception("failed %d", 1)
    logger.info("here", stack_info=True)
    logger.info("after")
    handler.flush()
    text = (tmp_path / "a.log").read_text()
    assert text.startswith("before\nfailed 1\nTraceback (most recent call last):\n")
    assert "ValueError: wrong\nhere\nStack (most recent call last):\n" in text
    assert text.endswith('    logger.info("here", stack_info=True)\nafter\n')


def test_observers_get_records_and_the_order_stays(root, tmp_path: Path):
    handler = onewriter.install(tmp_path / "a.log", format="%(message)s")
    logger = logging.getLogger("shop.deep.down")
    seen: list[str] = []

    class Seen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    other = Seen()

    def log(number: int) -> None:
        logger.info("line %d", number)

    log(0)
    for number, (add, remove) in enumerate(
        [
            (lambda: root.addHandler(other), lambda: root.removeHandler(other)),
            (lambda: logging.getLogger("shop").addHandler(other),
             lambda: logging.getLogger("shop").removeHandler(other)),
            (lambda: logger.addHandler(other), lambda: logger.removeHandler(other)),
        ],
        1,
    ):  # fmt: skip
        add()
        log(number)
        remove()
    log(4)
    handler.flush()
    assert (tmp_path / "a.log").read_text() == "".join(f"line {n}\n" for n in range(5))
    assert seen == ["line 1", "line 2", "line 3"]


def test_levels_filters_and_disabling_hold_at_once(root, tmp_path: Path):
    handler = onewriter.install(tmp_path / "a.log", format="%(message)s", level="INFO")
    logger = logging.getLogger("shop.levels")

    def log(number: int) -> None:
        logger.info("line %d", number)
        logger.debug("debug %d", number)

    log(0)
    logger.setLevel("DEBUG")
    log(1)
    logger.setLevel("WARNING")
    log(2)
    logger.setLevel("INFO")
    handler.setLevel("ERROR")
    log(3)
    handler.setLevel(0)
    logging.disable(logging.INFO)
    log(4)
    logging.disable(logging.NOTSET)
    logger.disabled = True
    log(5)
    logger.disabled = False
    logger.addFilter(none := lambda record: False)
    log(6)
    logger.removeFilter(none)
    logger.propagate = False
    logger.info("nowhere")
    logger.propagate = True
    factory = logging.getLogRecordFactory()

    def shouting(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        record.msg = str(record.msg).upper()
        return record

    logging.setLogRecordFactory(shouting)
    logger.info("loud")
    logging.setLogRecordFactory(factory)
    log(7)
    handler.flush()
    assert (tmp_path / "a.log").read_text().splitlines() == [
        "line 0", "line 1", "debug 1", "LOUD", "line 7",
    ]  # fmt: skip


def test_a_formatter_that_is_exchanged_later_is_followed(root, tmp_path: Path):
    handler = onewriter.install(tmp_path / "a.log", format="%(message)s")
    logger = logging.getLogger("shop")

    def log() -> None:
        logger.info("x")

    log()
    handler.setFormatter(logging.Formatter("new %(message)s"))
    _install.use(handler)
    log()
    handler.flush()
    assert (tmp_path / "a.log").read_text() == "x\nnew x\n"


def test_loggers_of_all_times_are_quick_and_those_of_other_classes_are_left_alone(root, tmp_path: Path):
    class Own(logging.Logger):
        pass

    before = logging.getLogger("made.before")
    logging.setLoggerClass(Own)
    own = logging.getLogger("made.own")
    logging.setLoggerClass(logging.Logger)
    handler = onewriter.install(tmp_path / "a.log", format="%(name)s %(message)s")
    after = logging.getLogger("made.after")
    assert [type(it) for it in (before, own, after)] == [
        _install.QuickLogger, Own, _install.QuickLogger,
    ]  # fmt: skip
    for logger in (before, own, after, logging.getLogger()):
        logger.info("hello")
    handler.flush()
    assert (tmp_path / "a.log").read_text() == (
        "made.before hello\nmade.own hello\nmade.after hello\nroot hello\n"
    )
    onewriter.uninstall()
    assert [type(it) for it in (before, own, after, root)] == [
        logging.Logger, Own, logging.Logger, logging.RootLogger,
    ]  # fmt: skip


def test_children_of_every_start_method_log_to_the_same_file(root, tmp_path: Path):
    path = tmp_path / "a.log"
    handler = onewriter.install(path, format="%(processName)s %(message)s")
    for method in ("fork", "spawn", "forkserver"):
        process = multiprocessing.get_context(method).Process(
            target=log_in_child, args=(str(path), method), name=method
        )
        process.start()
        process.join(60)
        assert process.exitcode == 0
    handler.flush()
    assert path.read_text() == "".join(f"{it} hello {it}\n" for it in ("fork", "spawn", "forkserver"))


def log_in_child(path: str, method: str) -> None:
    if method != "fork":
        onewriter.install(path, format="%(processName)s %(message)s")
    logging.getLogger("child").info("hello %s", method)
    os._exit(0)


def test_dict_config_takes_the_handlers_as_they_are(root, tmp_path: Path):
    path = tmp_path / "a.log"
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
        "handlers": {
            "file": {
                "()": "onewriter.handlers.installed",
                "filename": str(path),
                "formatter": "plain",
            }
        },
        "root": {"level": "INFO", "handlers": ["file"]},
    }
    for _ in range(2):
        logging.config.dictConfig(config)
        logging.getLogger("shop").info("hello %d", 1)
    (handler,) = logging.getLogger().handlers
    assert _install._installed is not None and _install._installed.handler is handler
    handler.flush()
    assert path.read_text() == "INFO hello 1\nINFO hello 1\n"


def test_threads_log_at_once_and_each_in_its_order(root, tmp_path: Path):
    handler = onewriter.install(tmp_path / "a.log", format="%(threadName)s %(message)s")
    logger = logging.getLogger("shop")

    def log() -> None:
        for number in range(2000):
            logger.info("%d", number)

    threads = [threading.Thread(target=log, name=f"t{n}") for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.flush()
    lines = (tmp_path / "a.log").read_text().splitlines()
    for thread in threads:
        own = [line for line in lines if line.startswith(f"{thread.name} ")]
        assert own == [f"{thread.name} {number}" for number in range(2000)]
    assert len(lines) == 8000


@pytest.mark.parametrize(
    ("formatter", "expected"),
    [
        (logging.Formatter("%(message)s"), "{message}\n"),
        (logging.Formatter("%(asctime)s %(message)s"), "{time:YYYY-MM-DD HH:mm:ss,SSS} {message}\n"),
        (logging.Formatter("%(asctime)s", "%H:%M:%S"), "{time:HH:mm:ss}\n"),
        (logging.Formatter("{%(levelname)5s} 5%% %(lineno)03d"), "{{{level:>5}}} 5% {line:03}\n"),
        (logging.Formatter("%(asctime)s", "%d %b %Y"), None),
        (logging.Formatter("%(asctime)s", "%Y-%m-%dT%H:%M"), None),
        (logging.Formatter("%(msecs)03d"), None),
        (logging.Formatter("%(message).5s"), None),
        (logging.Formatter("{message}", style="{"), None),
        (logging.Formatter("%(message)s %(relativeCreated)d"), None),
        (type("Own", (logging.Formatter,), {})("%(message)s"), None),
        (None, "{message}\n"),
    ],
)
def test_formats_that_the_writer_can_carry_out(formatter, expected):
    assert translated(formatter) == expected


class Shouting(logging.LoggerAdapter):
    """Calls the logger itself, and says so."""

    def log(self, level, msg, *args, **kwargs):
        self.logger.log(level, f"{msg}!", *args, stacklevel=2, **kwargs)


def test_an_adapter_that_names_its_caller_is_believed(root, tmp_path: Path):
    handler = onewriter.install(tmp_path / "a.log", format="%(funcName)s: %(message)s")
    Shouting(logging.getLogger("a"), {}).warning("one")
    handler.flush()
    expected = "test_an_adapter_that_names_its_caller_is_believed: one!\n"
    assert (tmp_path / "a.log").read_text() == expected


def test_yesterdays_file_makes_way_at_midnight(root, tmp_path: Path):
    path = tmp_path / "a.log"
    path.write_text("old\n")
    yesterday = time.time() - 86400
    os.utime(path, (yesterday, yesterday))
    handler = onewriter.install(path, when="midnight", backupCount=2, format="%(message)s")
    logging.info("new")
    handler.close()
    old = path.with_name(f"a.log.{time.strftime('%Y-%m-%d', time.localtime(yesterday))}")
    assert sorted(tmp_path.iterdir()) == [path, old]
    assert (path.read_text(), old.read_text()) == ("new\n", "old\n")


@pytest.mark.parametrize("options", [{}, {"maxBytes": 1000}, {"when": "midnight"}])
def test_a_lone_surrogate_does_not_cost_a_record(root, tmp_path: Path, options: dict[str, Any]):
    handler = onewriter.install(tmp_path / "a.log", format="%(name)s %(message)s", **options)
    logging.info("name\udcff")
    logging.info("%s", "\ud800")
    logging.getLogger("shop\udc80").info("sold")
    code = compile("logging.info('from a strange file')", "/shop/\udcff.py", "exec")
    exec(code, {"logging": logging})
    handler.flush()
    assert (tmp_path / "a.log").read_text() == (
        "root name\\udcff\nroot \\ud800\nshop\\udc80 sold\nroot from a strange file\n"
    )


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("a.log", {"level": "LOUD"}, ValueError),
        ("a.log", {"level": 1.5}, TypeError),
        ("a.log", {"format": "%(message"}, ValueError),
        ("a.log", {"when": "never"}, ValueError),
        ("a.log", {"maxBytes": 2**70, "backupCount": 1}, OverflowError),
        ("a\udcff.log", {}, ValueError),
        ("/dev/null", {}, ValueError),
        ("none/a.log", {}, FileNotFoundError),
        (".", {}, IsADirectoryError),
    ],
)
def test_an_install_that_fails_has_changed_nothing(
    root, tmp_path: Path, name: str, options: dict[str, Any], error: type[Exception]
):
    with open(tmp_path / "before", "w", encoding="utf-8") as stream:
        root.addHandler(logging.StreamHandler(stream))
        root.setLevel("ERROR")
        before = root.handlers[:]
        with pytest.raises(error):
            onewriter.install(tmp_path / name, **options)
        logging.error("goes on")
        assert (root.handlers, root.level, _install._installed) == (before, logging.ERROR, None)
        assert type(root) is logging.RootLogger
    assert (tmp_path / "before").read_text() == "goes on\n"


def test_a_second_install_of_a_file_sets_it_up_anew(root, tmp_path: Path):
    path = tmp_path / "a.log"
    onewriter.install(path, format="%(message)s")
    logging.info("one")
    handler = onewriter.install(path, format="%(message)s", maxBytes=9, backupCount=1)
    assert root.handlers == [handler]
    logging.info("two")
    logging.info("three")
    handler.close()
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "a.log.1"]
    assert (path.read_text(), (tmp_path / "a.log.1").read_text()) == ("three\n", "one\ntwo\n")


def test_two_ways_to_rotate_are_refused(root, tmp_path: Path):
    with pytest.raises(ValueError, match="maxBytes=1 and when='h': give one of the two"):
        onewriter.install(tmp_path / "a.log", maxBytes=1, when="h")


def test_the_method_stands_in_the_file_that_find_caller_skips():
    assert sys.modules["onewriter._install"].__file__ in _install._OWN_FILES


_AT_THE_END = """
import logging, sys
import onewriter
onewriter.install(sys.argv[1], format="%(message)s")
def say(text):
    logging.getLogger("shop").info("%s", text)
class Last:
    def __del__(self):
        say("last")
say("first")
sys.modules["last"] = Last()
"""


def test_what_a_finalizer_logs_when_the_interpreter_ends_is_written(tmp_path):
    path = tmp_path / "a.log"
    command = [sys.executable, "-c", _AT_THE_END, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert path.read_text() == "first\nlast\n"

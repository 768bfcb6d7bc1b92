"""The logger's methods."""

import multiprocessing
import sys
import threading
import warnings
from types import SimpleNamespace

import pytest

import onewriter
from onewriter import _call, _logger


def test_the_package_offers_the_logger_and_its_version():
    names = ["Queue", "capture", "check", "install", "logger", "uninstall"]
    assert (onewriter.__all__, onewriter.__version__) == (names, "0.1.0")
    assert isinstance(onewriter.logger, _logger.Logger)


@pytest.mark.parametrize(
    ("message", "args", "kwargs", "text"),
    [
        ("{} and {", (), {}, "{} and {"),
        ("{} {a}", (1,), {"a": 2}, "1 2"),
        ("{self} {message} {level}", (), {"self": 1, "message": 2, "level": 3}, "1 2 3"),
        ("{0:>{w}}", ("x",), {"w": 3}, "  x"),
        (b"x", (), {}, "b'x'"),
        (None, (), {}, "None"),
    ],
)
@pytest.mark.parametrize("colors", [True, False])
def test_arguments_are_formatted_into_the_message(
    logger, written, message, args, kwargs, text, colors
):
    logger.add(written, format="{message}", catch=False)
    if not colors or isinstance(message, str):
        logger.opt(colors=colors).info(message, *args, **kwargs)
        logger.opt(colors=colors).log(20, message, *args, **kwargs)
        assert written == [f"{text}\n"] * 2


def test_keyword_arguments_become_extra_unless_they_are_not_to_be_captured(logger, written):
    logger.add(written, format="{message} {extra}")
    logger.bind(a=0).info("{a}", a=1)
    logger.opt(capture=False).info("{a}", a=1)
    assert written == ["1 {'a': 1}\n", "1 {}\n"]


@pytest.mark.parametrize(
    ("args", "kwargs", "kind"), [((1,), {}, KeyError), ((), {"a": 1}, IndexError)]
)
@pytest.mark.parametrize("colors", [True, False])
def test_a_missing_argument_is_the_callers_error(logger, written, args, kwargs, kind, colors):
    logger.add(written)
    with pytest.raises(kind):
        logger.opt(colors=colors).info("{} {a}", *args, **kwargs)
    assert written == []


def test_extra_of_a_call_goes_before_bound_before_contextualized_before_configured(logger, written):
    logger.add(written, format="{extra}")
    logger.configure(extra=dict.fromkeys("abcd", 0))
    with logger.contextualize(b=1, c=1, d=1):
        logger.bind(c=2, d=2).info("x", d=3)
    logger.info("x")
    assert written == ["{'a': 0, 'b': 1, 'c': 2, 'd': 3}\n", "{'a': 0, 'b': 0, 'c': 0, 'd': 0}\n"]


def test_bind_leaves_the_logger_it_is_called_on_alone(logger, written):
    logger.add(written, format="{extra}")
    first = logger.bind(a=1, self=2)
    first.bind(a=3).info("x")
    first.info("x")
    logger.info("x")
    assert written == ["{'a': 3, 'self': 2}\n", "{'a': 1, 'self': 2}\n", "{}\n"]


def test_a_context_is_that_of_its_thread_and_ends_with_an_exception_too(logger, written):
    logger.add(written, format="{message} {extra}")

    @logger.contextualize(a=1)
    def called():
        logger.info("inside")
        thread = threading.Thread(target=lambda: logger.info("elsewhere"))
        thread.start()
        thread.join()
        raise ValueError

    with pytest.raises(ValueError):
        called()
    logger.info("outside")
    assert written == ["inside {'a': 1}\n", "elsewhere {}\n", "outside {}\n"]


def test_patchers_change_the_record_in_their_order_the_configured_one_first(logger, written):
    logger.add(written, format="{extra[order]} {message}")
    logger.configure(patcher=lambda record: record["extra"].update(order=["core"]))
    patched = logger.patch(lambda record: record["extra"]["order"].append(1))
    patched.patch(lambda record: record["extra"]["order"].append(record["message"])).info("a {}", 1)
    patched.info("b")
    assert written == ["['core', 1, 'a 1'] a 1\n", "['core', 1] b\n"]


def test_a_patched_message_and_level_are_those_that_count(logger, written):
    logger.add(written, format="{level.name} {message}", level=30, colorize=True)
    patch = {"message": "patched", "level": SimpleNamespace(name="low", no=29)}
    logger.patch(lambda record: record.update(message="patched")).opt(colors=True).error(
        "<red>x</red>"
    )
    logger.opt(colors=True).patch(lambda record: record.update(message="patched")).error(
        "<red>x</red>"
    )
    logger.patch(lambda record: record.update(patch)).error("x")
    assert written == ["ERROR patched\n"] + ["ERROR patched\n"]


def test_lazy_arguments_are_asked_only_if_the_level_is_taken(logger, written):
    asked = []

    def value():
        asked.append(True)
        return len(asked)

    logger.add(written, format="{message} {extra}", level=20)
    logger.opt(lazy=True).debug("{} {a}", value, a=value)
    assert asked == []
    logger.opt(lazy=True).info("{} {a}", value, a=value)
    assert written == ["1 2 {'a': 2}\n"]


def test_the_record_can_be_shown_in_the_message(logger, written):
    logger.add(written, format="{message} {extra}")
    logger.opt(record=True).info("{record[level]} {record[function]} {} {a}", 1, a=2)
    with pytest.raises(
        TypeError, match="^The message can't be formatted: 'record' shall not be used as a keyword"
    ):
        logger.opt(record=True).info("x", record=1)
    name = "test_the_record_can_be_shown_in_the_message"
    assert written == [f"INFO {name} 1 2 {{'a': 2}}\n"]


def test_a_raw_message_is_all_there_is(logger, written):
    logger.add(written, format="<{message}>", colorize=True)
    logger.opt(raw=True).info("a")
    logger.opt(raw=True, colors=True).info("<b>{}</b>", "<b>")
    assert written == ["a", "\x1b[1m<b>\x1b[0m"]


def test_a_call_further_above_can_be_named(logger, written):
    logger.add(written, format="{function} {line} {file} {name}")

    def called():
        logger.opt(depth=1).info("x")

    called()
    logger.opt(depth=1_000_000).info("x")
    line = sys._getframe().f_lineno - 2
    assert written == [
        f"test_a_call_further_above_can_be_named {line} test_logger.py {__name__}\n",
        "<unknown> 0 <unknown> None\n",
    ]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (True, ("ZeroDivisionError", True)),
        (KeyError("a"), ("KeyError", False)),
        ((KeyError, KeyError("a"), None), ("KeyError", False)),
        (None, None),
        (False, None),
    ],
)
def test_an_exception_is_the_current_one_or_one_that_is_given(logger, given, shown):
    records = []
    logger.add(lambda message: records.append(message.record["exception"]))
    try:
        1 / 0
    except ZeroDivisionError:
        logger.opt(exception=given).info("x")
    [exception] = records
    assert shown == (exception and (exception.type.__name__, exception.traceback is not None))


def test_without_a_current_exception_the_method_says_so(logger, written):
    logger.add(written, format="{level} {message}")
    logger.exception("x")
    assert written == ["ERROR x\nNoneType\n"] or written == ["ERROR x\nNoneType: None\n"]


def test_options_are_forgotten_by_the_next_opt_and_kept_by_bind_and_patch(logger, written):
    logger.add(written, format="{message}")
    logger.opt(raw=True).bind(a=1).patch(lambda record: None).info("raw ")
    logger.opt(raw=True).opt(lazy=True).info("not raw")
    assert written == ["raw ", "not raw\n"]


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("", False),
        ("a", False),
        ("a.b", False),
        ("a.b.c", True),
        ("a.", True),
        ("aa", True),
        (".", True),
    ],
)
def test_a_module_and_those_below_it_can_be_turned_off(logger, name, is_taken):
    logger.disable(name)
    assert logger._core.is_enabled("a.b") is is_taken
    logger.enable(name)
    assert logger._core.is_enabled("a.b")


def test_what_was_said_last_about_a_module_and_first_about_the_nearest_one_counts(logger):
    asked = ("x", "a", "a.b", "a.b.c", "a.c", None)

    def enabled():
        return "".join("1" if logger._core.is_enabled(name) else "0" for name in asked)

    assert enabled() == "111111"
    logger.disable("a")
    assert enabled() == "100001"
    logger.enable("a.b")
    assert enabled() == "101101"
    logger.disable("a.b.c")
    assert enabled() == "101001"
    logger.disable("")
    assert enabled() == "000001"
    logger.enable("a.b")
    logger.disable(None)
    assert enabled() == "001100"
    logger.enable("")
    logger.enable(None)
    assert enabled() == "111111"
    assert logger._core.activation_list == []


def test_a_disabled_module_logs_nothing(logger, written):
    logger.add(written, format="{message}")
    logger.info("1")
    logger.disable(__name__)
    logger.info("2")
    logger.enable(__name__)
    logger.info("3")
    assert written == ["1\n", "3\n"]


@pytest.mark.parametrize("method", ["enable", "disable"])
def test_a_module_has_a_name_that_is_a_string(logger, method):
    with pytest.raises(TypeError) as caught:
        getattr(logger, method)(1)
    assert str(caught.value) == "Invalid name, it should be a string (or None), not: 'int'"


def test_handlers_count_up_and_a_failed_one_counts_too(logger, written):
    assert logger.add(written) == 0
    with pytest.raises(TypeError):
        logger.add(1)
    assert logger.add(written) == 2
    logger.remove()
    assert logger.add(written) == 3


@pytest.mark.parametrize(
    ("handler_id", "kind", "error"),
    [
        (7, ValueError, "There is no existing handler with id 7"),
        (
            "0",
            TypeError,
            "Invalid handler id, it should be an integer as returned by the 'add()' method (or "
            "None), not: 'str'",
        ),
    ],
)
def test_a_handler_that_is_not_there_cannot_be_removed(logger, written, handler_id, kind, error):
    logger.add(written)
    with pytest.raises(kind) as caught:
        logger.remove(handler_id)
    assert str(caught.value) == error
    assert repr(logger) == f"<onewriter.logger handlers=[(id=0, level=10, sink={written!r})]>"


@pytest.mark.parametrize(
    ("context", "kind", "error"),
    [
        ("foo", ValueError, "cannot find context for 'foo'"),
        (
            1,
            TypeError,
            "Invalid context, it should be a string or a multiprocessing context, not: 'int'",
        ),
    ],
)
def test_a_context_is_one_of_multiprocessing(logger, written, context, kind, error):
    logger.add(written, context="spawn")
    logger.add(written, context=multiprocessing.get_context("spawn"))
    with pytest.raises(kind) as caught:
        logger.add(written, context=context)
    assert str(caught.value) == error


def test_configure_exchanges_what_is_given_and_keeps_the_rest(logger, written):
    logger.add(lambda message: 1 / 0)
    ids = logger.configure(
        handlers=[{"sink": written, "format": "{level.icon} {extra} {message}"}],
        levels=[{"name": "new", "no": 33, "icon": "N"}, {"name": "INFO", "icon": "I"}],
        extra={"a": 1},
        patcher=lambda record: record["extra"].update(b=2),
        activation=[("", False), (__name__, True)],
    )
    logger.log("new", "x")
    assert logger.configure(extra={}) == []
    logger.info("y")
    assert logger.configure() == []
    logger.info("z")
    assert ids == [1]
    assert written == ["N {'a': 1, 'b': 2} x\n", "I {'b': 2} y\n", "I {'b': 2} z\n"]
    assert (logger._core.is_enabled("other"), logger._core.is_enabled(__name__)) == (False, True)


def test_a_reinstalled_logger_is_that_of_the_package(logger, written):
    other = _logger.Logger(_logger.Core(), None, 0, False, False, False, False, True, [], {})
    other.add(written, format="{message}")
    other.reinstall()
    logger.info("x")
    assert written == ["x\n"]


def test_former_names_work_and_are_deprecated(logger, written):
    with pytest.warns(
        DeprecationWarning,
        match=r"^The 'start\(\)' method is deprecated, please use 'add\(\)' instead$",
    ):
        number = logger.start(written, format="{message}", colorize=True)
    with pytest.warns(
        DeprecationWarning,
        match="^The 'ansi' parameter is deprecated, please use 'colors' instead$",
    ):
        logger.opt(ansi=True).info("<b>x</b>")
    with pytest.warns(
        DeprecationWarning,
        match=r"^The 'stop\(\)' method is deprecated, please use 'remove\(\)' instead$",
    ):
        logger.stop(number)
    assert written == ["\x1b[1mx\x1b[0m\n"]
    assert repr(logger) == "<onewriter.logger handlers=[]>"


def test_a_module_without_a_name_is_nobodys(logger, written):
    logger.add(written, format="{name} {message}")
    code = "def log(logger, text): logger.info(text)"
    space = {}
    exec(code, space)
    space.pop("__name__", None)
    space["log"](logger, "1")
    logger.disable(None)
    space["log"](logger, "2")
    assert written == ["None 1\n"]


@pytest.mark.skipif(_call.TemplateString is None, reason="this interpreter has no t-strings")
def test_a_template_string_is_filled_in_and_its_values_have_no_tags(logger, written):
    logger.add(written, format="{message}", colorize=True)
    space = {"logger": logger, "value": "<b>"}
    exec(
        "logger.info(t'{value!r} {7:03d}'); logger.opt(colors=True).info(t'<b>{value}</b>')", space
    )
    assert written == ["'<b>' 007\n", "\x1b[1m<b>\x1b[0m\n"]


def test_no_warning_is_given_by_what_is_not_deprecated(logger, written):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logger.remove(logger.add(written))
        logger.opt(colors=True).info("x")

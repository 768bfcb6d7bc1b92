"""Tracebacks as text."""

from __future__ import annotations

import json
import os
import sys
import threading
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from onewriter import _trace
from onewriter._trace import ExceptionFormatter

needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with Python 3.11")


@pytest.fixture
def app(tmp_path):
    """Runs a program that is kept in a file, and gives its names."""

    def run(source, path=None):
        if path is None:
            path = tmp_path / "app.py"
            path.write_text(source)
        scope = {"__name__": "app"}
        exec(compile(source, str(path), "exec"), scope)
        return SimpleNamespace(**scope, path=str(path))

    return run


def caught(function, *args):
    """The exception that the function raises, with the frames from this one on taken away."""
    try:
        function(*args)
    except Exception as error:
        return error.with_traceback(error.__traceback__.tb_next)
    raise AssertionError("nothing was raised")


def text(error, **options):
    options = {"diagnose": False, "encoding": "utf8", **options}
    return ExceptionFormatter(**options).format(type(error), error, error.__traceback__)


DIVISION = """\
def ratio(a, b):
    return a / b

def outer(n):
    ratio(n, 0)
"""


def test_a_stack_is_shown_without_the_frames_above(app):
    program = app(DIVISION)
    assert text(caught(program.outer, 1)) == (
        "Traceback (most recent call last):\n"
        f'  File "{program.path}", line 5, in outer\n'
        "    ratio(n, 0)\n"
        f'  File "{program.path}", line 2, in ratio\n'
        "    return a / b\n"
        "ZeroDivisionError: division by zero\n"
    )


def test_values_stand_under_the_source_and_frames_apart(app):
    program = app(DIVISION.replace("ratio(n, 0)", "n = ratio(n, 0)"))
    shown = text(caught(program.ratio, 1, 0), diagnose=True)
    assert shown == (
        "Traceback (most recent call last):\n"
        "\n"
        f'  File "{program.path}", line 2, in ratio\n'
        "    return a / b\n"
        "           \u2502   \u2514 0\n"
        "           \u2514 1\n"
        "\n"
        "ZeroDivisionError: division by zero\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "no such encoding", None])
def test_an_encoding_without_box_characters_gets_plain_ones(app, encoding):
    shown = text(caught(app(DIVISION).ratio, 1, 0), diagnose=True, encoding=encoding)
    assert "\n           |   -> 0\n           -> 1\n" in shown
    assert shown.isascii()


def test_colours_are_those_of_loguru(app):
    program = app("def f(x):\n    x()\n")
    directory = os.path.dirname(program.path)
    assert text(caught(program.f, 3), colorize=True, diagnose=True) == (
        "\x1b[33m\x1b[1mTraceback (most recent call last):\x1b[0m\n"
        "\n"
        f'  File "\x1b[32m{directory}/\x1b[0m\x1b[32m\x1b[1mapp.py\x1b[0m", line \x1b[33m2\x1b[0m, '
        "in \x1b[35mf\x1b[0m\n"
        "    \x1b[1mx\x1b[0m\x1b[1m(\x1b[0m\x1b[1m)\x1b[0m\n"
        "    \x1b[36m\u2514 \x1b[0m\x1b[36m\x1b[1m3\x1b[0m\n"
        "\n"
        "\x1b[31m\x1b[1mTypeError\x1b[0m:\x1b[1m 'int' object is not callable\x1b[0m\n"
    )


def test_a_theme_replaces_the_styles_that_it_names(app):
    shown = text(caught(app(DIVISION).ratio, 1, 0), colorize=True, theme={"operator": "<{}>"})
    assert "\x1b[35m\x1b[1mreturn\x1b[0m \x1b[1ma\x1b[0m </> \x1b[1mb\x1b[0m\n" in shown


def test_frames_of_libraries_are_neither_coloured_nor_set_apart(app):
    program = app("import json\ndef f():\n    json.loads('{')\n")
    shown = text(caught(program.f), colorize=True, diagnose=True)
    library = json.__file__
    head, _, tail = shown.partition(f'\n\n  File "{library}", line ')
    assert "\x1b[35mf\x1b[0m" in head
    first, _, rest = tail.partition("\n  File ")
    assert ", in loads\n    return _default_decoder.decode(s)\n" in first
    assert "\x1b" not in first
    assert "\n\n" not in rest.partition("JSONDecodeError")[0].rpartition("\n\n")[0]


BACKTRACE = """\
def catch(put):
    try:
        1 / 0
    except ZeroDivisionError as error:
        put(error)

def caller(put):
    catch(put)
"""


def test_a_backtrace_goes_on_above_the_place_of_catching_which_is_marked(app):
    program, shown = app(BACKTRACE), []
    program.caller(lambda error: shown.append(text(error, backtrace=True)))
    assert shown[0].endswith(
        "    program.caller(lambda error: shown.append(text(error, backtrace=True)))\n"
        f'  File "{program.path}", line 8, in caller\n'
        "    catch(put)\n"
        f'> File "{program.path}", line 3, in catch\n'
        "    1 / 0\n"
        "ZeroDivisionError: division by zero\n"
    )


OWN = """\
def decorated(function, put):
    def wrapper(*args):
        try:
            function(*args)
        except Exception as error:
            put(error)
    return wrapper
"""


@pytest.mark.parametrize("backtrace", [False, True])
def test_a_decorator_is_not_shown_but_who_called_the_function_is(app, backtrace):
    own = app(OWN, path=os.path.join(os.path.dirname(_trace.__file__), "_decorator.py"))
    formatter = ExceptionFormatter(backtrace=backtrace, diagnose=False)
    shown = []

    def put(error):
        shown.append(
            formatter.format(type(error), error, error.__traceback__, from_decorator=True)
        )

    program = app("def f():\n    1 / 0\n\ndef call(f):\n    f()\n\ndef above(f):\n    call(f)\n")
    program.above(own.decorated(own.decorated(program.f, lambda error: put(error)), put))
    expected = (
        f'{">" if backtrace else " "} File "{program.path}", line 5, in call\n'
        "    f()\n"
        f'  File "{program.path}", line 2, in f\n'
        "    1 / 0\n"
        "ZeroDivisionError: division by zero\n"
    )
    if backtrace:
        assert shown[0].endswith(
            f'  File "{program.path}", line 8, in above\n    call(f)\n{expected}'
        )
        assert "_decorator.py" not in shown[0]
    else:
        assert shown == [f"Traceback (most recent call last):\n{expected}"]


CHAIN = """\
def cause():
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise ValueError("second") from error

def context():
    try:
        1 / 0
    except ZeroDivisionError:
        raise ValueError("second")

def neither():
    try:
        1 / 0
    except ZeroDivisionError:
        raise ValueError("second") from None
"""


@pytest.mark.parametrize(
    ("function", "lines", "sentence"),
    [
        ("cause", (3, 5), "The above exception was the direct cause of the following exception:"),
        ("context", (9, 11), "During handling of the above exception, another exception occurred:"),
    ],
)
@pytest.mark.parametrize("diagnose", [False, True])
def test_what_led_to_an_exception_comes_before_it(app, function, lines, sentence, diagnose):
    program = app(CHAIN)
    shown = text(caught(getattr(program, function)), diagnose=diagnose)
    space = "\n\n" if diagnose else "\n"
    first, second = shown.split(f"{space}{sentence}\n{space}")
    assert first.startswith("Traceback (most recent call last):\n")
    assert f'  File "{program.path}", line {lines[0]}, in {function}\n' in first
    assert first.endswith("\nZeroDivisionError: division by zero\n")
    assert f'  File "{program.path}", line {lines[1]}, in {function}\n' in second
    assert second.endswith("\nValueError: second\n")


def test_a_context_that_is_suppressed_is_not_shown(app):
    assert "ZeroDivisionError" not in text(caught(app(CHAIN).neither))


def test_a_chain_that_leads_back_ends_there():
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__context__ = second, first
    assert text(first) == (
        "KeyError: 'second'\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "ValueError: first\n"
    )


def test_a_chain_may_be_longer_than_the_stack():
    error = ValueError(0)
    for number in range(1, 3000):
        following = ValueError(number)
        following.__cause__ = error
        error = following
    lines = [line for line in text(error).splitlines() if line.startswith("ValueError")]
    assert lines == [f"ValueError: {number}" for number in range(3000)]


@needs_groups
def test_the_members_of_a_group_stand_further_right():
    inner = ExceptionGroup("inner", [KeyError("k")])  # noqa: F821
    error = ExceptionGroup("outer", [ValueError("two\nlines"), inner])  # noqa: F821
    assert text(error) == (
        "  | ExceptionGroup: outer (2 sub-exceptions)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | ValueError: two\n"
        "    | lines\n"
        "    +---------------- 2 ----------------\n"
        "    | ExceptionGroup: inner (1 sub-exception)\n"
        "    +-+---------------- 1 ----------------\n"
        "      | KeyError: 'k'\n"
        "      +------------------------------------\n"
    )


@needs_groups
def test_a_group_with_a_stack_begins_at_its_corner(app):
    program = app("def f():\n    raise BaseExceptionGroup('g', [KeyboardInterrupt()])\n")
    try:
        program.f()
    except BaseException as error:
        error.__traceback__ = error.__traceback__.tb_next
        shown = text(error, diagnose=True)
    assert shown == (
        "  + Exception Group Traceback (most recent call last):\n"
        "  |\n"
        f'  |   File "{program.path}", line 2, in f\n'
        "  |     raise BaseExceptionGroup('g', [KeyboardInterrupt()])\n"
        "  |\n"
        "  | BaseExceptionGroup: g (1 sub-exception)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | KeyboardInterrupt\n"
        "    +------------------------------------\n"
    )


@needs_groups
def test_a_group_shows_fifteen_members_and_counts_the_others():
    error = ExceptionGroup("g", [ValueError(number) for number in range(17)])  # noqa: F821
    assert text(error).endswith(
        "    +---------------- 15 ---------------\n"
        "    | ValueError: 14\n"
        "    +--------------- ... ---------------\n"
        "    | and 2 more exceptions\n"
        "    +------------------------------------\n"
    )


@needs_groups
def test_groups_are_shown_ten_deep():
    error = ValueError("deepest")
    for _ in range(12):
        error = ExceptionGroup("g", [error])  # noqa: F821
    lines = text(error).splitlines()
    assert sum("ExceptionGroup: g" in line for line in lines) == 10
    assert lines[-2:] == [
        " " * 22 + "| ... (max_group_depth is 10)",
        " " * 22 + "+------------------------------------",
    ]


@needs_groups
def test_a_group_that_has_no_members_is_only_named():
    error = MagicMock(spec=ExceptionGroup)  # noqa: F821
    error.__cause__ = error.__context__ = error.__traceback__ = None
    assert text(error).startswith("  | unittest.mock.MagicMock: ")


def test_what_says_nothing_is_nothing(monkeypatch):
    monkeypatch.setattr(_trace.traceback, "format_exception_only", lambda kind, value: [])
    assert text(ValueError(0), diagnose=True) == ""


def test_a_message_that_is_indented_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(_trace.traceback, "format_exception_only", lambda kind, value: ["  V: 0\n"])
    assert text(ValueError(0), colorize=True, diagnose=True) == "  V: 0\n"


@pytest.mark.parametrize(
    ("depth", "repeats"),
    [(2, None), (3, "1 more time"), (4, "2 more times"), (500, "498 more times")],
)
def test_a_line_is_repeated_three_times_and_then_counted(app, depth, repeats):
    program = app("def f(n):\n    f(n - 1) if n else 1 / 0\n")
    line = f'  File "{program.path}", line 2, in f\n    f(n - 1) if n else 1 / 0\n'
    folded = f"  [Previous line repeated {repeats}]\n" if repeats else ""
    assert text(caught(program.f, depth)) == (
        f"Traceback (most recent call last):\n{line * 3}{folded}"
        "ZeroDivisionError: division by zero\n"
    )


def test_an_assertion_without_words_says_what_was_asserted(app):
    program = app("def f(x):\n    assert x == 1\n\ndef g():\n    assert False, 'words'\n")
    assert text(caught(program.f, 2), diagnose=True).endswith("\nAssertionError: assert x == 1\n")
    assert text(caught(program.f, 2)).endswith("\nAssertionError\n")
    assert text(caught(program.g), diagnose=True).endswith("\nAssertionError: words\n")


def test_a_syntax_error_shows_its_place(app):
    error = caught(compile, "a = (\n", "/some/where/program.py", "exec")
    error.__traceback__ = None
    place = "\x1b[32m/some/where/\x1b[0m\x1b[32m\x1b[1mprogram.py\x1b[0m"
    lines = text(error, colorize=True).splitlines()
    assert lines[0] == f'  File "{place}", line \x1b[33m1\x1b[0m'
    assert lines[1].strip() == "a = ("
    assert lines[-1].startswith("\x1b[31m\x1b[1mSyntaxError\x1b[0m:\x1b[1m ")


USERS = "/some/where/program.py"


@pytest.mark.parametrize(
    ("raising", "path", "is_apart"),
    [
        ("compile('a = (', path, 'exec')", "<string>", True),
        ("__import__('ast').parse('a = (', path)", "<string>", False),
        ("__import__('ast').parse('a = (', path)", USERS, True),
    ],
)
def test_the_place_of_a_syntax_error_is_set_apart_if_it_or_the_frame_above_is_the_users(
    app, raising, path, is_apart
):
    error = caught(app(f"def f(path):\n    {raising}\n").f, path)
    above, _, _ = text(error, diagnose=True).partition(f'  File "{path}", line 1\n')
    assert above.endswith("\n\n") is is_apart


@pytest.mark.parametrize(("path", "above"), [("<string>", ""), (os.__file__, ""), (USERS, "\n")])
def test_the_place_of_a_syntax_error_without_a_stack_is_set_apart_if_it_is_the_users(path, above):
    error = caught(compile, "a = (\n", path, "exec").with_traceback(None)
    assert text(error, diagnose=True).startswith(f'{above}  File "{path}", line 1\n')


@pytest.mark.skipif(sys.version_info < (3, 11), reason="notes came with Python 3.11")
def test_notes_come_last():
    error = ValueError("message")
    error.add_note("first\nof two")
    assert text(error, colorize=True) == (
        "\x1b[31m\x1b[1mValueError\x1b[0m:\x1b[1m message\x1b[0m\nfirst\nof two\n"
    )


def test_source_that_has_changed_is_read_again(app):
    first = text(caught(app("def f():\n    1 / 0\n").f))
    second = text(caught(app("def f():\n    1 / 00\n").f))
    assert ("1 / 0\n" in first, "1 / 00\n" in second) == (True, True)


def test_without_source_the_place_is_enough(app):
    program = app("def f():\n    1 / 0\n", path="<string>")
    assert text(caught(program.f), colorize=True, diagnose=True) == (
        "\x1b[33m\x1b[1mTraceback (most recent call last):\x1b[0m\n"
        "\n"
        '  File "<string>", line 2, in f\n'
        "\n"
        "\x1b[31m\x1b[1mZeroDivisionError\x1b[0m:\x1b[1m division by zero\x1b[0m\n"
    )


def test_no_exception_is_none_of_its_type():
    assert ExceptionFormatter(prefix="\n").format(None, None, None) == "\nNoneType: None\n"


@pytest.mark.parametrize(
    ("limit", "shown"), [(1, ["ratio"]), (5, ["outer", "ratio"]), (0, []), (-1, [])]
)
def test_the_interpreter_s_limit_holds(app, monkeypatch, limit, shown):
    error = caught(app(DIVISION).outer, 1)
    monkeypatch.setattr(sys, "tracebacklimit", limit, raising=False)
    lines = text(error).splitlines()
    assert [line.rpartition(" ")[2] for line in lines if line.startswith("  File")] == shown
    assert lines[0].startswith("Traceback") == bool(shown)


@pytest.mark.parametrize("number", [7, None])
def test_a_stack_may_be_made_of_other_objects(number):
    code = SimpleNamespace(co_filename="gone.py", co_name="task")
    frame = SimpleNamespace(f_back=None, f_code=code, f_globals={}, f_lineno=number, f_locals={})
    tb = SimpleNamespace(tb_frame=frame, tb_lasti=0, tb_lineno=number, tb_next=None)
    formatter = ExceptionFormatter(backtrace=True)
    assert formatter.format(ValueError, ValueError("x"), tb) == (
        "Traceback (most recent call last):\n\n"
        f'> File "gone.py", line {number or 0}, in task\n\n'
        "ValueError: x\n"
    )


def test_a_text_that_raises_has_a_placeholder(app):
    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError("no")

    assert "Hostile: <exception str() failed>\n" in text(Hostile())


def test_an_exception_that_raises_when_it_is_looked_at_is_named():
    class Hostile(Exception):
        @property
        def __cause__(self):
            raise RuntimeError("no")

    assert text(Hostile()) == "<unprintable Hostile: its formatting raised RuntimeError>\n"


def test_a_value_that_raises_has_a_placeholder(app):
    program = app(
        "class Hostile:\n"
        "    def __repr__(self):\n"
        "        raise RuntimeError\n"
        "    __getattribute__ = __eq__ = __bool__ = __len__ = __repr__\n"
        "def f(x):\n"
        "    x.y + 1\n"
    )
    shown = text(caught(program.f, program.Hostile()), diagnose=True)
    assert "\n    \u2514 <unprintable Hostile object>\n" in shown


def test_the_last_value_of_a_frame_has_no_empty_end(app):
    program = app("class C:\n    __repr__ = lambda self: 'C\\n\\n'\n\ndef f(x):\n    x()\n")
    shown = text(caught(program.f, program.C()), diagnose=True)
    assert shown.endswith("    x()\n    \u2514 C\n\nTypeError: 'C' object is not callable\n")


def test_a_thread_s_stack_ends_at_its_start(app):
    program, shown = app(BACKTRACE), []
    thread = threading.Thread(
        target=program.catch, args=(lambda error: shown.append(text(error, backtrace=True)),)
    )
    thread.start()
    thread.join()
    names = [line.rpartition(" ")[2] for line in shown[0].splitlines() if " File " in line]
    assert names == ["_bootstrap", "_bootstrap_inner", "run", "catch"]

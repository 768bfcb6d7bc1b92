"""Colour markup."""

import pytest

from onewriter import _markup

END = "\x1b[0m"
RED, BLUE, BOLD, DIM = "\x1b[31m", "\x1b[34m", "\x1b[1m", "\x1b[2m"


def both(text):
    markup = _markup.parse_message(text, (), {})
    return markup.color("(level)"), markup.strip()


@pytest.mark.parametrize(
    ("text", "colored", "plain"),
    [
        ("no tag", "no tag", "no tag"),
        ("<red>a</red>", f"{RED}a{END}", "a"),
        ("<red>a</>", f"{RED}a{END}", "a"),
        ("<bold>a<dim>b</dim>c</bold>", f"{BOLD}a{DIM}b{END}{BOLD}c{END}", "abc"),
        ("<level>a</level><lvl>b</>", f"(level)a{END}(level)b{END}", "ab"),
        (r"\<red>a\</red>", "<red>a</red>", "<red>a</red>"),
        (r"\\<red>a</red>", f"\\{RED}a{END}", "\\a"),
        ("1 < 2 > 0", "1 < 2 > 0", "1 < 2 > 0"),
        ("{no} {field}", "{no} {field}", "{no} {field}"),
    ],
)
def test_tags_become_escape_sequences_or_nothing(text, colored, plain):
    assert both(text) == (colored, plain)


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("r", 31), ("red", 31), ("RED", 41), ("R", 41), ("lr", 91),
        ("light-red", 91), ("LIGHT-RED", 101), ("LR", 101),
        ("k", 30), ("g", 32), ("y", 33), ("e", 34), ("m", 35), ("c", 36), ("w", 37),
        ("b", 1), ("d", 2), ("i", 3), ("u", 4), ("l", 5), ("v", 7), ("h", 8), ("s", 9), ("n", 22),
        ("fg red", 31), ("bg red", 41), ("fg light-red", 91), ("bg lr", 101),
        ("fg 200", "38;5;200"), ("bg 0", "48;5;0"), ("fg 1,2,255", "38;2;1;2;255"),
        ("bg #0aF010", "48;2;10;240;16"), ("fg #F12", "38;2;241;47;18"),
    ],
)  # fmt: skip
def test_each_name_has_its_code(tag, code):
    assert both(f"<{tag}>a</{tag}>") == (f"\x1b[{code}ma{END}", "a")


@pytest.mark.parametrize("tag", ["foo", "Red", "", "fg 256", "fg 1,2", "bg #12", "fg nope"])
def test_an_unknown_tag_is_refused_by_its_name(tag):
    with pytest.raises(ValueError) as caught:
        both(f"<{tag}>a")
    assert str(caught.value).startswith(
        f'Tag "<{tag}>" does not correspond to any known color directive, '
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<red>a", 'Opening tag "<red>" has no corresponding closing tag'),
        ("a</red>", 'Closing tag "</red>" has no corresponding opening tag'),
        ("a</>", 'Closing tag "</>" has no corresponding opening tag'),
        ("<red><b>a</red></b>", 'Closing tag "</red>" violates nesting rules'),
    ],
)
def test_tags_that_do_not_match_are_refused(text, error):
    with pytest.raises(ValueError) as caught:
        both(text)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("text", "args", "kwargs", "plain"),
    [
        ("{} {}", ("a", 1), {}, "a 1"),
        ("{1} {0}", ("a", 1), {}, "1 a"),
        ("{a} {b.real:03d} {c[0]!r}", (), {"a": "x", "b": 7, "c": "y"}, "x 007 'y'"),
        ("{:>{}}|{:{w}}|", ("a", 3, "b"), {"w": 2}, "  a|b |"),
        ("{{}} {}", ("a",), {}, "{} a"),
        ("{.real} {[0]}", (3, "xy"), {}, "3 x"),
        ("<red>{}</red>", ("</red><b>",), {}, "</red><b>"),
        ("{:<4}|", ("a",), {}, "a   |"),
    ],
)
def test_arguments_are_filled_in_as_str_format_does_and_have_no_tags(text, args, kwargs, plain):
    assert _markup.parse_message(text, args, kwargs).strip() == plain
    assert "<" in text or text.format(*args, **kwargs) == plain


@pytest.mark.parametrize(
    ("text", "args", "kind"),
    [
        ("{0} {}", (1, 2), ValueError),
        ("{a}", (1,), KeyError),
        ("{:{:{}}}", (1, 2, 3), ValueError),
        ("{", (1,), ValueError),
        ("{!z}", (1,), ValueError),
        ("{:d}", ("a",), ValueError),
    ],
)
def test_arguments_that_do_not_fit_raise_what_str_format_raises(text, args, kind):
    with pytest.raises(kind) as theirs:
        text.format(*args)
    with pytest.raises(kind) as ours:
        _markup.parse_message(text, args, {})
    assert "!z" in text or str(ours.value) == str(theirs.value)


def test_numbering_is_manual_or_automatic_and_the_error_is_one_as_in_the_formatter_of_string():
    error = "^cannot switch from manual field specification to automatic field numbering$"
    for text in ("{} {0}", "{0} {}"):
        with pytest.raises(ValueError, match=error):
            _markup.parse_message(text, (1, 2), {})


def test_a_message_of_another_type_is_its_text():
    assert _markup.parse_message(["<red>a</red>"], (), {}).color("") == f"['{RED}a{END}']"
    assert _markup.parse_message(None, (), {}).strip() == "None"


def test_a_template_nests_its_fields_as_deep_as_str_format_does():
    assert _markup.Template("{a:{b.c:}} {d:>{e}}").plain == "{a:{b.c:}} {d:>{e}}"
    for text in ("{a:{b:{c}}}", "{a:{b:{c:{d}}}}"):
        with pytest.raises(ValueError, match="^Max string recursion exceeded$"):
            _markup.Template(text)


def test_a_missing_argument_is_an_index_error():
    with pytest.raises(IndexError):
        _markup.parse_message("{} {}", (1,), {})


def test_nothing_between_the_braces_of_a_template_is_a_tag():
    template = _markup.Template("<red>{level: <8}</red> {{<b>x</b>}} {extra[<red>]!r:>{w}}")
    assert template.plain == "{level: <8} {{x}} {extra[<red>]!r:>{w}}"
    assert (
        template.colored("L")
        == f"{RED}{{level: <8}}{END} {{{{{BOLD}x{END}}}}} {{extra[<red>]!r:>{{w}}}}"
    )


def test_a_template_knows_the_colours_around_each_message():
    template = _markup.Template("{message} <red>{message} <level>{message}</level></red>")
    assert list(template.around_messages("L")) == ["", RED, f"{RED}L"]


def test_what_is_around_goes_on_after_each_tag():
    assert (
        _markup.parse_message("a<b>b</b>c", (), {}).color("", around=RED) == f"a{BOLD}b{END}{RED}c"
    )


def test_the_colour_of_a_level_may_stay_open_and_may_not_be_that_of_a_level():
    assert _markup.escape_of(" <red><bold> ") == RED + BOLD
    for color in ("<level>", "<lvl>a</lvl>"):
        with pytest.raises(
            ValueError, match="^The '<level>' color tag is not allowed in this context"
        ):
            _markup.escape_of(color)


class Interpolation:
    def __init__(self, value, conversion=None, format_spec=""):
        self.value, self.conversion, self.format_spec = value, conversion, format_spec


@pytest.mark.parametrize(
    ("has_tags", "colored", "plain"),
    [
        (True, f"{RED}a '<b>' 007{END}", "a '<b>' 007"),
        (False, "<red>a '<b>' 007</red>", "<red>a '<b>' 007</red>"),
    ],
)
def test_the_values_of_a_template_string_have_no_tags(has_tags, colored, plain):
    parts = ["<red>a ", Interpolation("<b>", "r"), " ", Interpolation(7, None, "03d"), "</red>"]
    markup = _markup.parse_template_string(parts, has_tags=has_tags)
    assert (markup.color(""), markup.strip()) == (colored, plain)

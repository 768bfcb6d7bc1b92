"""The stubs of the native module say what is in it."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import onewriter
from onewriter import _native

PACKAGE = Path(onewriter.__file__).parent
STUBS = ast.parse((PACKAGE / "_native.pyi").read_text(encoding="utf8"))
CLASSES = {node.name: node for node in STUBS.body if isinstance(node, ast.ClassDef)}
FUNCTIONS = {node.name: node for node in STUBS.body if isinstance(node, ast.FunctionDef)}


def shown(of: ast.FunctionDef) -> list[tuple[str, str, object]]:
    """The parameters that a stub names, without the first: name, kind, default."""
    args = of.args
    positional = [*args.posonlyargs, *args.args]
    defaults = [inspect.Parameter.empty] * (len(positional) - len(args.defaults)) + [
        ast.literal_eval(it) for it in args.defaults
    ]
    named = [(it.arg, "positional", value) for it, value in zip(positional, defaults, strict=True)]
    if args.vararg:
        named.append((args.vararg.arg, "*", inspect.Parameter.empty))
    for it, value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        default = inspect.Parameter.empty if value is None else ast.literal_eval(value)
        named.append((it.arg, "keyword", default))
    if args.kwarg:
        named.append((args.kwarg.arg, "**", inspect.Parameter.empty))
    return named


def found(function: object) -> list[tuple[str, str, object]]:
    """The same of a native function."""
    kinds = {
        inspect.Parameter.POSITIONAL_ONLY: "positional",
        inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional",
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.KEYWORD_ONLY: "keyword",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    parameters = inspect.signature(function).parameters.values()
    return [(it.name, kinds[it.kind], it.default) for it in parameters]


def test_the_module_has_what_the_stubs_name_and_nothing_else():
    public = {name for name in dir(_native) if not name.startswith("_")}
    assert public == {*CLASSES, *FUNCTIONS}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_the_members_that_the_stubs_name(name: str):
    of = getattr(_native, name)
    stubs = {node.name for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)}
    own = {it for it in vars(of) if not it.startswith("__") or it == "__new__"}
    assert own == stubs


@pytest.mark.parametrize(
    ("owner", "name"),
    [(owner, it.name) for owner, node in CLASSES.items() for it in node.body
     if isinstance(it, ast.FunctionDef)],
)  # fmt: skip
def test_methods_have_the_parameters_that_the_stubs_name(owner: str, name: str):
    (stub,) = [
        it for it in CLASSES[owner].body if isinstance(it, ast.FunctionDef) and it.name == name
    ]
    of = getattr(_native, owner)
    if any(isinstance(it, ast.Name) and it.id == "property" for it in stub.decorator_list):
        assert inspect.isgetsetdescriptor(vars(of)[name])
        return
    if name == "__new__":
        assert shown(stub)[1:] == found(of)
    else:
        assert shown(stub)[1:] == found(getattr(of, name))[1:]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_the_parameters_that_the_stubs_name(name: str):
    assert shown(FUNCTIONS[name]) == found(getattr(_native, name))


@pytest.mark.parametrize("node", [*CLASSES.values(), *FUNCTIONS.values()], ids=lambda node: node.name)
def test_everything_public_is_documented(node):
    assert ast.get_docstring(node)


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").exists()

"""The types that a type checker sees are those of the package, and Loguru's."""

from __future__ import annotations

import ast
import inspect
import shutil
import sys
from pathlib import Path

import pytest

import onewriter
from onewriter import _catch, _file_sink, _levels, _logger, _record

PACKAGE = Path(onewriter.__file__).parent
STUBS = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf8"))
CLASSES = {node.name: node for node in STUBS.body if isinstance(node, ast.ClassDef)}
LOGGER = [node for node in CLASSES["Logger"].body if isinstance(node, ast.FunctionDef)]
METHODS = sorted({node.name for node in LOGGER})


def fields(name: str) -> list[str]:
    """What a class of the stubs, or the one it stems from, says that there is."""
    return [
        part.target.id
        for stub in (*map(CLASSES.get, map(ast.unparse, CLASSES[name].bases)), CLASSES[name])
        if stub is not None
        for part in stub.body
        if isinstance(part, ast.AnnAssign)
    ]


def shown(stub: ast.FunctionDef) -> dict[str, tuple[str, bool]]:
    """The parameters of a stub, without the first: the kind of each, and whether it is optional."""
    args = stub.args
    required = len(args.posonlyargs) + len(args.args) - len(args.defaults)
    named = {}
    for at, it in enumerate([*args.posonlyargs, *args.args]):
        kind = "positional only" if at < len(args.posonlyargs) else "positional or keyword"
        named[it.arg] = kind, at >= required
    for it, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        named[it.arg] = "keyword-only", default is not None
    for rest, kind in ((args.vararg, "variadic positional"), (args.kwarg, "variadic keyword")):
        if rest is not None:
            named[rest.arg] = kind, True
    is_static = any(ast.unparse(it) == "staticmethod" for it in stub.decorator_list)
    return dict(list(named.items())[0 if is_static else 1 :])


def found(function: object) -> dict[str, tuple[str, bool]]:
    """The same of a function that is there."""
    parameters = inspect.signature(function).parameters.values()
    return {
        it.name: (
            it.kind.description.replace("-only", " only").replace("keyword only", "keyword-only"),
            it.default is not it.empty or it.kind in (it.VAR_POSITIONAL, it.VAR_KEYWORD),
        )
        for it in parameters
    }


def test_the_package_has_what_the_stubs_export():
    (exported,) = [
        ast.literal_eval(node.value)
        for node in STUBS.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert exported == onewriter.__all__


def test_the_stubs_name_all_methods_of_the_logger_and_no_others():
    assert METHODS == sorted(name for name in dir(onewriter.logger) if not name.startswith("_"))


# `add` hands on to the sink what the stubs name, and the base's methods say nothing of themselves.
@pytest.mark.parametrize("name", sorted({*METHODS} - {"add", *_logger.LoggerBase.__dict__}))
def test_methods_of_the_logger_have_the_parameters_that_the_stubs_name(name: str):
    there = found(getattr(onewriter.logger, name))
    overloads = [shown(node) for node in LOGGER if node.name == name]
    assert overloads[0 if name != "level" else -1] == there
    for one in overloads:
        assert {*one} <= {*there}


def test_add_has_the_parameters_that_the_stubs_name():
    basic, coroutine, file = (shown(node) for node in LOGGER if node.name == "add")
    there = found(onewriter.logger.add)
    del there["kwargs"]
    assert basic == there
    assert {*coroutine} - {*basic} == {"loop"}
    of_sink = found(_file_sink.FileSink)
    of_open = {name: it for name, it in found(open).items() if name not in ("file", *of_sink)}
    del of_sink["path"], of_sink["open_kwargs"]
    assert {*file} - {*basic} == {*of_sink, *of_open}


@pytest.mark.parametrize(
    ("config", "overload"),
    [("BasicHandlerConfig", 0), ("AsyncHandlerConfig", 1), ("FileHandlerConfig", 2)],
)
def test_handlers_of_configure_are_the_arguments_of_add(config: str, overload: int):
    add = [node for node in LOGGER if node.name == "add"][overload]
    assert {*fields(config)} == {*shown(add)}


def test_levels_of_configure_are_the_arguments_of_level():
    assert fields("LevelConfig") == list(found(onewriter.logger.level))


def test_a_record_has_what_the_stubs_name(logger):
    seen = []
    logger.add(lambda message: seen.append(message.record), format="{message}")
    logger.info("one")
    assert sorted(seen[0]) == sorted(fields("Record"))


@pytest.mark.parametrize("name", ["RecordFile", "RecordLevel", "RecordThread", "RecordProcess"])
def test_parts_of_a_record_have_what_the_stubs_name(name: str):
    slots = [it for base in getattr(_record, name).__mro__ for it in getattr(base, "__slots__", ())]
    assert sorted(slots) == sorted(fields(name))


def test_other_types_have_what_the_stubs_name():
    assert tuple(fields("RecordException")) == _record.RecordException._fields
    assert tuple(fields("Level")) == _levels.Level._fields
    assert fields("Message") == list(_record.Message.__slots__)
    for stub, there in (
        (CLASSES["Catcher"], _catch.Catcher),
        (CLASSES["Contextualizer"], type(onewriter.logger.contextualize())),
    ):
        assert {it.name for it in stub.body if hasattr(it, "name")} <= {*dir(there)}


@pytest.mark.parametrize("node", CLASSES.values(), ids=lambda node: node.name)
def test_every_public_type_is_documented(node: ast.ClassDef):
    assert ast.get_docstring(node) or node.name.startswith("_")


PROGRAM = '''
from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, TextIO

from typing_extensions import assert_type

import onewriter
from onewriter import Queue, capture, check, install, logger, uninstall

if TYPE_CHECKING:
    from onewriter import (
        ActivationConfig, AsyncHandlerConfig, AwaitableCompleter, BasicHandlerConfig, Catcher,
        CompressionFunction, Contextualizer, ExcInfo, FileHandlerConfig, FilterDict, FilterFunction,
        FormatFunction, HandlerConfig, Level, LevelConfig, Logger, Message, PatcherFunction, Record,
        RecordException, RecordFile, RecordLevel, RecordProcess, RecordThread, RetentionFunction,
        RotationFunction, StandardOpener, Writable,
    )


def sink(message: Message) -> None:
    record: Record = message.record
    assert_type(record["level"].no, int)
    assert_type(record["name"], "str | None")
    assert_type(record["exception"], "RecordException | None")
    print(f"{record['file']} {record['thread']} {record['process']:>8} {record['level']:<8}")


async def later(message: Message) -> None:
    pass


class Stream:
    def write(self, message: str) -> None:
        pass


def rotate(message: Message, file: TextIO) -> bool:
    return file.tell() + len(message) > 1000


def patch(record: Record) -> None:
    record["extra"]["one"] = 1


assert_type(logger, "Logger")
for one in (sink, Stream(), sys.stderr, logging.StreamHandler()):
    assert_type(logger.add(one), int)
logger.add(later, loop=asyncio.new_event_loop())
logger.add(Path("a.log"), rotation=rotate, retention=3, compression="gz", opener=None)
logger.add("a.log", filter={"a": "INFO", None: False}, format=lambda record: "{message}")
logger.add(sink, rotation="1 day")  # type: ignore[call-overload]
logger.add(1)  # type: ignore[call-overload]

logger.info("{} {one}", 1, one=2)
logger.info(object())
logger.log(30, "{}", 1)
logger.info(object(), 1)  # type: ignore[call-overload]

assert_type(logger.bind(a=1).patch(patch).opt(lazy=True), "Logger")
assert_type(logger.level("INFO"), "Level")
assert_type(logger.complete(), "Awaitable[None]")
assert_type(logger.catch(), "Catcher")
assert_type(logger.contextualize(a=1), "Contextualizer")
assert_type(logger.parse("a.log", "(?P<a>.)"), "Generator[Dict[str, Any], None, None]")


@logger.catch
@logger.catch(ValueError, default=0)
@logger.contextualize(a=1)
def half(of: int) -> float:
    with logger.catch(reraise=True):
        return of / 2


assert_type(half(of=1), float)

basic: BasicHandlerConfig = {"sink": sys.stderr, "colorize": False}
file: FileHandlerConfig = {"sink": "a.log", "rotation": "1 day", "enqueue": True}
coroutine: AsyncHandlerConfig = {"sink": later, "loop": None}
ids = logger.configure(handlers=[basic, file, coroutine], levels=[{"name": "A"}])
assert_type(ids, "List[int]")
logger.configure(levels=[{"nome": "A"}])  # type: ignore[typeddict-unknown-key]
'''


def test_a_program_for_loguru_with_annotations_passes_a_strict_check(tmp_path: Path):
    api = pytest.importorskip("mypy.api")
    shutil.copytree(PACKAGE, tmp_path / "onewriter", ignore=shutil.ignore_patterns("*.so"))
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf8")
    said, failed, status = api.run(
        [
            "--strict",
            "--follow-imports=silent",
            "--config-file=",
            f"--cache-dir={tmp_path / 'cache'}",
            f"--python-executable={sys.executable}",
            str(tmp_path / "program.py"),
        ]
    )
    assert (said, failed, status) == ("Success: no issues found in 1 source file\n", "", 0)

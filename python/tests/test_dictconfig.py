"""Handlers out of a configuration."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import queue
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import onewriter.handlers
from onewriter.handlers import Queue, QueueHandler, QueueListener


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


def make_queue() -> Any:
    return queue.Queue(7)


class OwnListener(QueueListener):
    pass


@pytest.fixture(autouse=True)
def logger() -> Iterator[logging.Logger]:
    """The logger that is configured; without handlers before and after, as the root with its."""
    one = logging.getLogger("dictconfig")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield one
    root.handlers[:] = handlers
    root.setLevel(level)
    for handler in one.handlers[:]:
        one.removeHandler(handler)
        handler.close()


def configured(logger: logging.Logger, **keys: Any) -> QueueHandler:
    """The queue handler that is made with `keys`; "zz" is the listener's handler."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"brief": {"format": "<%(message)s>"}},
            "handlers": {
                "q": {"handlers": ["zz"], **keys},
                "zz": {"()": Kept, "formatter": "brief", "level": "WARNING"},
            },
            "loggers": {"dictconfig": {"level": "DEBUG", "handlers": ["q"], "propagate": False}},
        }
    )
    (handler,) = logger.handlers
    assert isinstance(handler, QueueHandler)
    return handler


def logged(handler: QueueHandler, logger: logging.Logger) -> list[str]:
    listener = handler.listener
    assert listener is not None
    listener.start()
    logger.info("order %d", 7)
    logger.error("no %s", "tea")
    listener.stop()
    (kept,) = listener.handlers
    return kept.messages  # type: ignore[attr-defined,no-any-return]


PLAIN: dict[str, Any] = {"()": "onewriter.handlers.QueueHandler"}


def test_it_is_made_with_queue_and_listener_of_its_own(logger: logging.Logger) -> None:
    handler = configured(logger, **PLAIN)
    assert type(handler.queue) is Queue
    assert type(handler.listener) is QueueListener
    assert logged(handler, logger) == ["<order 7>", "<no tea>"]


def test_the_listener_is_not_started(logger: logging.Logger) -> None:
    listener = configured(logger, **PLAIN).listener
    assert isinstance(listener, QueueListener)
    assert listener._thread is None


def test_the_level_of_handlers_is_respected_when_asked(logger: logging.Logger) -> None:
    handler = configured(logger, **PLAIN, respect_handler_level=True)
    assert logged(handler, logger) == ["<no tea>"]


def test_level_and_formatter_are_those_of_the_queue_handler(logger: logging.Logger) -> None:
    handler = configured(logger, **PLAIN, level="ERROR", formatter="brief")
    assert logged(handler, logger) == ["<<no tea>>"]


@pytest.mark.parametrize(
    "given", [f"{__name__}.make_queue", {"()": f"{__name__}.make_queue"}, {"()": make_queue}]
)
def test_the_queue_can_be_a_name_or_a_recipe(logger: logging.Logger, given: Any) -> None:
    handler = configured(logger, **PLAIN, queue=given)
    assert (type(handler.queue), handler.queue.maxsize) == (queue.Queue, 7)
    assert logged(handler, logger) == ["<order 7>", "<no tea>"]


def test_a_recipe_s_other_keys_are_arguments(logger: logging.Logger) -> None:
    recipe = {"()": "onewriter.handlers.Queue", "maxsize": 5, "overflow": "raise"}
    handler = configured(logger, **PLAIN, queue=recipe)
    assert (handler.queue.maxsize, handler.queue.overflow) == (5, "raise")


@pytest.mark.parametrize("given", [OwnListener, f"{__name__}.OwnListener"])
def test_the_listener_can_be_a_class_or_its_name(logger: logging.Logger, given: Any) -> None:
    handler = configured(logger, **PLAIN, listener=given)
    assert type(handler.listener) is OwnListener


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"queue": 5}, "Invalid queue specifier 5"),
        ({"queue": {"size": 5}}, "Invalid queue specifier {'size': 5}"),
        ({"listener": 5}, "Invalid listener specifier 5"),
        ({"listener": "queue.Queue"}, "Invalid listener specifier 'queue.Queue'"),
    ],
)
def test_a_wrong_specifier_is_named(
    logger: logging.Logger, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match="Unable to configure handler 'q'") as caught:
        configured(logger, **PLAIN, **keys)
    assert isinstance(caught.value.__cause__, TypeError)
    assert str(caught.value.__cause__) == message


def test_an_unknown_handler_is_named(logger: logging.Logger) -> None:
    with pytest.raises(ValueError, match="Unable to configure handler 'q'") as caught:
        configured(logger, **{**PLAIN, "handlers": ["zz", "nobody"]})
    assert str(caught.value.__cause__) == "Unable to set required handler 'nobody'"


def test_as_class_it_takes_the_same_keys(logger: logging.Logger) -> None:
    handler = configured(
        logger,
        **{"class": "onewriter.handlers.QueueHandler"},
        listener="onewriter.handlers.QueueListener",
        queue=f"{__name__}.make_queue",
    )
    assert type(handler.listener) is QueueListener
    assert logged(handler, logger) == ["<order 7>", "<no tea>"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the standard library does it from 3.12 on")
def test_the_standard_handler_takes_our_queue_and_listener(logger: logging.Logger) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "handlers": {
                "kept": {"()": Kept},
                "q": {
                    "class": "logging.handlers.QueueHandler",
                    "queue": "onewriter.handlers.Queue",
                    "listener": "onewriter.handlers.QueueListener",
                    "handlers": ["kept"],
                },
            },
            "loggers": {"dictconfig": {"handlers": ["q"]}},
        }
    )
    (handler,) = logger.handlers
    assert type(handler.queue) is Queue  # type: ignore[attr-defined]
    assert type(handler.listener) is QueueListener  # type: ignore[attr-defined]


def test_file_handlers_are_made_by_class(logger: logging.Logger, tmp_path: Path) -> None:
    names = [name for name in onewriter.handlers.__all__ if name.endswith("FileHandler")]
    assert len(names) == 6
    logging.config.dictConfig(
        {
            "version": 1,
            "handlers": {
                name: {
                    "class": f"onewriter.handlers.{name}",
                    "filename": str(tmp_path / name),
                    "encoding": "utf-8",
                }
                for name in names
            },
            "loggers": {"dictconfig": {"level": "INFO", "handlers": names, "propagate": False}},
        }
    )
    logger.info("tea")
    for handler in logger.handlers:
        handler.flush()
    assert {name: (tmp_path / name).read_text() for name in names} == dict.fromkeys(names, "tea\n")


def test_file_config_knows_the_concurrent_handlers_by_their_short_names(
    logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ConcurrentRotatingFileHandler", "ConcurrentTimedRotatingFileHandler"):
        monkeypatch.setattr(logging.handlers, name, None, raising=False)
    onewriter.handlers.publish()
    config = tmp_path / "log.ini"
    config.write_text(
        f"""
[loggers]
keys=root,one
[handlers]
keys=file
[formatters]
keys=
[logger_root]
handlers=
[logger_one]
qualname=dictconfig
level=INFO
propagate=0
handlers=file
[handler_file]
class=handlers.ConcurrentRotatingFileHandler
args=({str(tmp_path / "app.log")!r}, "a", 1000, 3)
"""
    )
    logging.config.fileConfig(config, disable_existing_loggers=False)
    (handler,) = logger.handlers
    assert type(handler) is onewriter.handlers.ConcurrentRotatingFileHandler
    assert (handler.maxBytes, handler.backupCount) == (1000, 3)
    logger.info("tea")
    handler.flush()
    assert (tmp_path / "app.log").read_text() == "tea\n"

"""Records into a queue."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys
from typing import Any

import pytest

from onewriter.handlers import Queue, QueueHandler


class Loud:
    """An argument that is not plain and may change."""

    def __init__(self) -> None:
        self.state = "then"

    def __str__(self) -> str:
        return self.state


def record(msg: object, *args: object, **attributes: object) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.INFO, "p", 1, msg, args, None)  # type: ignore[arg-type]
    made.__dict__.update(attributes)
    return made


def handled(made: logging.LogRecord, q: Any = None) -> logging.LogRecord:
    q = Queue() if q is None else q
    QueueHandler(q).handle(made)
    return q.get_nowait()  # type: ignore[no-any-return]


def failure() -> Any:
    try:
        raise ValueError("bad")
    except ValueError:
        return sys.exc_info()


def test_it_is_the_standard_handler_s_subclass() -> None:
    assert issubclass(QueueHandler, logging.handlers.QueueHandler)


def test_plain_arguments_stay_arguments() -> None:
    got = handled(record("%s %d", "a", 2))
    assert (got.msg, got.args) == ("%s %d", ("a", 2))


def test_a_mapping_as_argument_stays_one() -> None:
    got = handled(record("%(a)s", {"a": 1}))
    assert (got.msg, got.args, got.getMessage()) == ("%(a)s", {"a": 1}, "1")


def test_a_list_that_changes_after_the_call_is_logged_as_it_was() -> None:
    cart = ["tea"]
    q = Queue()
    QueueHandler(q).handle(record("cart %s", cart))
    cart.clear()
    assert q.get().getMessage() == "cart ['tea']"


def test_an_object_that_changes_after_the_call_is_logged_as_it_was() -> None:
    loud = Loud()
    q = Queue()
    QueueHandler(q).handle(record("%s %s", loud, 1))
    loud.state = "now"
    got = q.get()
    assert (got.msg, got.args) == ("then 1", None)


def test_a_dict_as_message_stays_a_dict_and_an_object_becomes_its_text() -> None:
    assert handled(record({"event": "x"})).msg == {"event": "x"}
    assert handled(record(Loud())).msg == "then"


def test_the_record_that_came_is_not_changed() -> None:
    made = record("%s", Loud(), exc_info=failure())
    before = dict(made.__dict__)
    assert handled(made) is not made
    assert made.__dict__ == before


def test_exceptions_and_extra_are_kept() -> None:
    info = failure()
    request = object()
    got = handled(record("m", exc_info=info, request=request))
    assert got.exc_info == info
    assert got.exc_text == logging.Formatter().formatException(info)
    assert got.request is request
    assert got.msg == "m"


def test_with_a_formatter_of_its_own_the_record_is_formatted_in_the_caller() -> None:
    q = Queue()
    handler = QueueHandler(q)
    handler.setFormatter(logging.Formatter("<%(message)s>"))
    handler.handle(record("%d", 1, exc_info=failure(), stack_info="stack"))
    got = q.get()
    assert got.msg == got.message
    assert got.msg.startswith("<1>\nTraceback")
    assert got.msg.endswith("ValueError: bad\nstack")
    assert (got.args, got.exc_info, got.exc_text, got.stack_info) == (None,) * 4


def test_with_another_queue_it_prepares_as_the_standard_handler() -> None:
    got = handled(record("%d", 1, exc_info=failure(), stack_info="stack"), queue.Queue())
    assert got.msg.startswith("1\nTraceback")
    assert got.message == got.msg
    assert (got.args, got.exc_info, got.exc_text, got.stack_info) == (None,) * 4


def test_prepare_and_enqueue_can_be_overridden() -> None:
    sent: list[object] = []

    class Own(QueueHandler):
        def prepare(self, record: logging.LogRecord) -> Any:
            return record.getMessage()

        def enqueue(self, record: Any) -> None:
            sent.append(record)

    Own(Queue()).handle(record("%s", "a"))
    assert sent == ["a"]


@pytest.mark.parametrize("q", [queue.Queue(1), Queue(1, overflow="raise")], ids=["std", "own"])
def test_a_record_without_room_is_an_error_of_the_handler(q: Any) -> None:
    failed = []

    class Own(QueueHandler):
        def handleError(self, record: logging.LogRecord) -> None:
            failed.append((record.msg, sys.exc_info()[0]))

    handler = Own(q)
    handler.handle(record("first"))
    handler.handle(record("second"))
    assert failed == [("second", queue.Full)]


def test_the_overflow_of_the_queue_decides_what_is_dropped() -> None:
    q = Queue(1, overflow=("drop", logging.ERROR))
    handler = QueueHandler(q)
    handler.handle(record("first"))
    handler.handle(record("second"))
    assert (q.get().msg, q.empty(), q.dropped) == ("first", True, 1)


def test_a_put_that_blocks_ends_after_the_handler_s_wait() -> None:
    failed = []

    class Own(QueueHandler):
        wait = 0.0

        def handleError(self, record: logging.LogRecord) -> None:
            failed.append(record.msg)

    handler = Own(Queue(1))
    handler.handle(record("first"))
    handler.handle(record("second"))
    assert failed == ["second"]


def test_a_wrong_number_of_arguments_is_reported_where_the_record_is_formatted() -> None:
    got = handled(record("%d %d", 1))
    with pytest.raises(TypeError):
        got.getMessage()


def test_without_queue_and_handlers_it_says_what_is_missing() -> None:
    with pytest.raises(TypeError, match="needs a queue, or the handlers of its listener"):
        QueueHandler()
    with pytest.raises(TypeError, match="Invalid queue specifier 7"):
        QueueHandler(7)


def test_it_has_no_listener_unless_one_is_set() -> None:
    handler = QueueHandler(Queue())
    assert handler.listener is None
    handler.listener = listener = logging.handlers.QueueListener(handler.queue)
    assert handler.listener is listener


@pytest.mark.parametrize("method", ["emit", "prepare", "enqueue"])
def test_a_method_that_a_test_has_exchanged_on_the_handler_is_called(method, monkeypatch):
    handler = QueueHandler(Queue())
    seen = []
    monkeypatch.setattr(handler, method, lambda record: seen.append(record.msg))
    handler.handle(logging.LogRecord("a", 20, "", 1, "hello", None, None))
    assert seen == ["hello"]

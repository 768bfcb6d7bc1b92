"""Exceptions that are caught and logged."""

import asyncio
import contextlib
import inspect

import pytest


@pytest.fixture
def caught(logger):
    """The caught exceptions: (exception, message, function, level)."""
    records = []

    def sink(message):
        record = message.record
        exception = record["exception"]
        shown = None if exception is None else type(exception.value).__name__
        records.append((shown, record["message"], record["function"], record["level"].name))

    logger.add(sink, format="{message}", catch=False)
    return records


def test_a_decorated_function_returns_the_default_and_names_its_caller(logger, caught):
    @logger.catch
    def plain(number):
        """Its text."""
        return 1 / number

    @logger.catch(default=7, level="INFO", message="oh {record[function]}")
    def other(number):
        return 1 / number

    def caller():
        return plain(0), plain(1), other(0), other(2)

    assert caller() == (None, 1.0, 7, 0.5)
    assert [(shown, function, level) for shown, _, function, level in caught] == [
        ("ZeroDivisionError", "caller", "ERROR"),
        ("ZeroDivisionError", "caller", "INFO"),
    ]
    assert caught[0][1].startswith(
        "An error has been caught in function 'caller', process 'MainProcess' ("
    )
    assert caught[1][1] == "oh caller"
    assert (plain.__name__, plain.__doc__, plain.__module__) == ("plain", "Its text.", __name__)


def test_a_with_block_names_the_function_it_is_in(logger, caught):
    def function():
        with logger.catch(message="block"):
            raise ValueError

    function()
    assert caught == [("ValueError", "block", "function", "ERROR")]


def test_an_async_with_block_names_the_function_it_is_in(logger, caught):
    async def function():
        async with logger.catch(message="block"):
            await asyncio.sleep(0)
            raise ValueError

    asyncio.run(function())
    assert caught == [("ValueError", "block", "function", "ERROR")]


def test_a_coroutine_function_stays_one(logger, caught):
    @logger.catch(default=3, message="")
    async def function(number):
        await asyncio.sleep(0)
        return 1 / number

    async def caller():
        return await function(0), await function(1)

    assert inspect.iscoroutinefunction(function)
    assert asyncio.run(caller()) == (3, 1.0)
    assert caught == [("ZeroDivisionError", "", "caller", "ERROR")]


def test_a_generator_stays_one_to_which_values_and_exceptions_can_be_sent(logger, caught):
    got = []

    @logger.catch(default="default", message="")
    def function():
        try:
            got.append((yield 1))
            yield 2
        except KeyError:
            got.append("KeyError")
            yield 3
        raise ValueError

    def caller():
        generator = function()
        values = [next(generator), generator.send("sent"), generator.throw(KeyError())]
        with pytest.raises(StopIteration) as stop:
            next(generator)
        return values, stop.value.value

    assert inspect.isgeneratorfunction(function)
    assert caller() == ([1, 2, 3], "default")
    assert got == ["sent", "KeyError"]
    assert [entry[0] for entry in caught] == ["ValueError"]


def test_an_asynchronous_generator_stays_one_to_which_values_and_exceptions_can_be_sent(
    logger, caught
):
    got = []

    @logger.catch(message="")
    async def function():
        try:
            got.append((yield 1))
            yield 2
        except KeyError:
            got.append("KeyError")
            yield 3
        raise ValueError

    async def caller():
        generator = function()
        values = [
            await generator.__anext__(),
            await generator.asend("sent"),
            await generator.athrow(KeyError()),
        ]
        async for value in generator:
            values.append(value)
        return values

    assert inspect.isasyncgenfunction(function)
    assert asyncio.run(caller()) == [1, 2, 3]
    assert got == ["sent", "KeyError"]
    assert caught == [("ValueError", "", "caller", "ERROR")]


def test_an_asynchronous_generator_that_is_closed_closes_the_one_within(logger, caught):
    closed = []

    @logger.catch
    async def function():
        try:
            yield 1
        finally:
            closed.append(True)

    async def caller():
        async with contextlib.aclosing(function()) as generator:
            assert await generator.__anext__() == 1

    asyncio.run(caller())
    assert (closed, caught) == ([True], [])


@pytest.mark.parametrize(
    ("arguments", "is_caught"),
    [
        ({}, True),
        ({"exception": ArithmeticError}, True),
        ({"exception": (KeyError, ZeroDivisionError)}, True),
        ({"exception": KeyError}, False),
        ({"exclude": ZeroDivisionError}, False),
        ({"exception": BaseException, "exclude": (ArithmeticError, KeyError)}, False),
        ({"exclude": KeyError}, True),
    ],
)
def test_which_exceptions_are_caught_can_be_said(logger, caught, arguments, is_caught):
    with (
        contextlib.nullcontext() if is_caught else pytest.raises(ZeroDivisionError),
        logger.catch(**arguments),
    ):
        1 / 0
    assert len(caught) == is_caught


def test_an_exit_is_no_error(logger, caught):
    for kind in (KeyboardInterrupt, SystemExit):
        with pytest.raises(kind), logger.catch():
            raise kind
    assert caught == []


def test_reraised_it_is_logged_and_goes_on(logger, caught):
    with pytest.raises(ValueError, match="^a$"), logger.catch(reraise=True):
        raise ValueError("a")
    assert len(caught) == 1


def test_onerror_is_called_with_the_exception_after_it_is_logged(logger, caught):
    error = ValueError("a")
    with logger.catch(onerror=lambda given: caught.append(given)):
        raise error
    assert caught[1] is error


def test_a_class_cannot_be_decorated(logger):
    with pytest.raises(TypeError) as refused:

        @logger.catch
        class Decorated:
            pass

    assert str(refused.value) == (
        "Invalid object decorated with 'catch()', it must be a function, not a class (tried to "
        "wrap 'Decorated')"
    )


def test_an_exception_inside_of_logging_one_is_not_caught_again(logger, written):
    class Hostile:
        @logger.catch(default="default")
        def __repr__(self):
            raise ValueError("in repr")

    logger.add(written, format="{message}", catch=False)
    with pytest.raises(ValueError, match="^in repr$"), logger.catch(message="{record[extra]}"):
        logger.configure(extra={"a": Hostile()})
        raise KeyError
    assert written == []
    assert repr(Hostile()) == "default"


def test_options_and_extra_are_those_of_the_logger(logger, written):
    logger.add(written, format=lambda _: "{function} {message} {extra}")

    def called():
        with logger.bind(a=1).opt(depth=1).catch(message="m"):
            1 / 0

    def caller():
        called()

    caller()
    assert written == ["caller m {'a': 1}"]

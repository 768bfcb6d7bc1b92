"""Tests of a program that logs through `onewriter.logger`; caplog sees it."""

import logging

import pytest

from onewriter import logger


def order(number):
    logger.info("order {} placed", number)
    if number < 0:
        logger.error("order {} cannot be", number)


def test_an_order_is_logged(caplog):
    order(7)
    assert caplog.messages == ["order 7 placed"]


def test_a_wrong_order_is_an_error(caplog):
    order(-1)
    assert caplog.record_tuples[1:] == [("test_shop", logging.ERROR, "order -1 cannot be")]


@pytest.mark.parametrize("number", range(20))
def test_orders_of_all_workers_are_in_one_file(number):
    order(number)
    logging.getLogger("warehouse").warning("parcel %d", number)

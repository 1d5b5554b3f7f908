"""Answers of ``/products``."""

import json
from typing import Any

import pytest

from market.prices.instruments import Instrument, Rules, Scales
from poller.rest.client import Failure
from poller.venues.coinbase.products import read_products
from tests.exchange.coinbase.products import Product
from tests.poller.listening import bare


def answer(*products: dict[str, Any]) -> bytes:
    """Write an answer of ``/products``."""
    return json.dumps(products).encode()


def listed(**changes: Any) -> dict[str, Any]:
    """Describe a product as the exchange does."""
    return {**Product("XYZ-USD").listing, **changes}


def test_scales_are_those_of_the_increments() -> None:
    """The price scale comes from the quote increment, the size scale from the base increment."""
    found = read_products(answer(listed(quote_increment="0.0001", base_increment="0.1"), listed(id="A-B")))
    assert {
        "coinbase:XYZ-USD": Instrument("trading", Scales(4, 1), rules=Rules("XYZ", "USD", "0.0001", "0.1")),
        "coinbase:A-B": Instrument("trading", Scales(2, 8), rules=Rules("XYZ", "USD", "0.01", "0.00000001")),
    } == found


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"post_only": True}, "trading", ""),
        ({"limit_only": True}, "trading", ""),
        ({"trading_disabled": True}, "halted", "online"),
        ({"cancel_only": True}, "halted", "cancel only"),
        ({"status": "offline", "status_message": "back\nat noon"}, "halted", "back at noon"),
        ({"status": "internal"}, "halted", "internal"),
        ({"status": "delisted"}, "delisted", "has closed it"),
    ],
)
def test_whether_it_is_traded(changes: dict[str, Any], status: str, says: str) -> None:
    """A product is traded that is online, unless its trading is disabled, or nothing but cancelling is allowed."""
    found = read_products(answer(listed(**changes)))
    assert not isinstance(found, Failure)
    its = found["coinbase:XYZ-USD"]
    assert status == its.status
    assert says in its.reason


def test_steps_that_make_no_sense_are_left_open() -> None:
    """A tick's own numbers then decide."""
    found = read_products(answer(listed(quote_increment="x", base_increment="")))
    assert not isinstance(found, Failure)
    assert {"coinbase:XYZ-USD": Instrument("trading", Scales(0, 0))} == {name: bare(its) for name, its in found.items()}


def test_one_wrong_row_hides_no_other() -> None:
    """The readable part of a list is read."""
    found = read_products(answer({"id": 7}, listed()))
    assert not isinstance(found, Failure)
    assert ["coinbase:XYZ-USD"] == [*found]


@pytest.mark.parametrize(
    ("body", "why"), [(b'{"message":"NotFound"}', ": NotFound"), (b"<html>", ""), (b"[]", ""), (b"", "")]
)
def test_what_is_no_list(body: bytes, why: str) -> None:
    """The error has the exchange's own words, if there are any."""
    assert Failure(f"no list of products{why}") == read_products(body)

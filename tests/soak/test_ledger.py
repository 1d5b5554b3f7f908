"""A client's ledger finds what should not have come."""

from typing import Any

import pytest

from tests.soak.ledger import Ledger


def heard(*messages: dict[str, Any], exact: bool = False) -> list[str]:
    """What was wrong for one who asked for BTC and ETH and holds BTC with seq 5."""
    ledger = Ledger()
    ledger.asked = {"BTC", "ETH"}
    ledger.exact = exact
    ledger.hear({"type": "subscribed", "symbols": ["BTC"]})
    ledger.hear(price("snapshot", 5))
    for message in messages:
        ledger.hear(message)
    return ledger.wrong


def price(kind: str, seq: int, symbol: str = "BTC") -> dict[str, Any]:
    """Make a message with a price."""
    return {"type": kind, "symbol": symbol, "seq": seq}


def test_what_was_asked_for_and_grows_is_right() -> None:
    """Ticks alone or in batches, a snapshot of what is held, other messages, and the end of a subscription."""
    assert [] == heard(
        price("tick", 6),
        {"type": "lag", "conflated": 3},
        {"type": "symbol_status", "symbol": "BTC", "state": "halted"},
        {"type": "ticks", "ticks": [price("tick", 9), price("tick", 10)]},
        price("snapshot", 10),
        {"type": "subscribed", "symbols": ["BTC", "ETH"]},
        price("tick", 1, "ETH"),
        {"type": "unsubscribed", "symbols": ["ETH"]},
    )


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (price("tick", 5), "BTC: seq 5 after 5"),
        (price("tick", 4), "BTC: seq 4 after 5"),
        (price("snapshot", 4), "BTC: seq 4 after 5"),
        ({"type": "ticks", "ticks": [price("tick", 5)]}, "BTC: seq 5 after 5"),
        (price("tick", 1, "ETH"), "ETH came unasked"),
        ({"type": "symbol_status", "symbol": "ETH", "state": "live"}, "the state of ETH came unasked"),
        ({"type": "subscribed", "symbols": ["SOL"]}, "['SOL'] subscribed unasked"),
    ],
)
def test_what_should_not_have_come_is_named(message: dict[str, Any], fault: str) -> None:
    """An old price, one twice, one of a symbol that is not held."""
    assert [fault] == heard(message)


def test_after_an_unsubscribe_nothing_more_may_come() -> None:
    """The answer is the last that is heard of a symbol."""
    assert ["BTC came unasked"] == heard({"type": "unsubscribed", "symbols": ["BTC"]}, price("tick", 6))


def test_a_gap_is_wrong_only_where_every_tick_was_asked_for() -> None:
    """Elsewhere it is conflation."""
    assert [] == heard(price("tick", 7))
    assert [] == heard(price("tick", 6), price("tick", 7), exact=True)
    assert ["BTC: seq 7 after 5, where every tick was asked for"] == heard(price("tick", 7), exact=True)
    # A snapshot is the newest there is, whatever came before.
    assert [] == heard(price("snapshot", 9), price("tick", 10), exact=True)


def test_a_new_connection_holds_nothing_but_remembers() -> None:
    """What was seen before it ended must not be followed by anything older."""
    ledger = Ledger()
    ledger.asked = {"BTC"}
    ledger.hear({"type": "subscribed", "symbols": ["BTC"]})
    ledger.hear(price("tick", 5))
    ledger.reconnected()
    ledger.hear({"type": "subscribed", "symbols": ["BTC"]})
    ledger.hear(price("snapshot", 4))
    assert ["BTC: seq 4 after 5"] == ledger.wrong

"""Where things lie on a server: old and new processes meet there."""

import pytest

from market.bus import Token
from market.bus.redis.roles.layout import lease_key, lease_value, stand_by_key, ticket_key, value_key, value_keys


@pytest.mark.parametrize(
    ("topic", "key"),
    [
        ("tick.BTCUSDT", "ticks"),
        ("tick.coinbase:BTC-USD", "ticks"),
        ("tick.a.b", "ticks"),
        ("tick.", "ticks"),
        ("states", "states"),
        ("trade.币安人生USDT", "trades"),
    ],
)
def test_last_values(topic: str, key: str) -> None:
    """A topic with a dot is kept in a hash of its kind, one without a dot under its own name."""
    assert key == value_key(topic)


@pytest.mark.parametrize(
    "topics",
    [
        [],
        ["tick.A", "tick.B", "tick.A.c"],
        ["states", "tick.A", "statess", "states", "tick", "ticks.A", "tick.B"],
        [".a", ".b", "a", ".", ".c", "..", "tick.A"],
        ["tick.A", "trade.A", "tick.B", "trade.B", "tickk.A"],
    ],
)
def test_the_keys_of_many_topics(topics: list[str]) -> None:
    """The keys of many topics are those of each, in any order."""
    assert {value_key(topic) for topic in topics} == value_keys([(topic, b"") for topic in topics])


def test_store() -> None:
    """Leases, stand-bys and tickets keep their names."""
    assert ("lease.poller", "standby.poller") == (lease_key("poller"), stand_by_key("poller"))
    assert "lease.poller.coinbase" == lease_key("poller.coinbase")
    assert "ticket.5f" == ticket_key("5f")


def test_a_lease_names_its_owner_and_term() -> None:
    """A lease's value shows the leader, and two terms of one owner differ."""
    assert "host:17:5f#3" == lease_value(Token("poller", "host:17:5f", 3, 2))

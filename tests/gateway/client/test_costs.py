"""What messages cost."""

import pytest

from gateway.client import costs
from gateway.protocol.messages import AnyCommand, Auth, List, ListSymbols, Ping, Subscribe, Unsubscribe
from gateway.settings import Settings
from gateway.websocket.framing.inflate import longest_compressed
from tests.client_frames import deflated


def test_short_messages_cost_no_more_than_a_ping() -> None:
    """A subscribe to some symbols costs its one token or two, compressed or not."""
    assert (0, 0) == (costs.of_bytes(2_000), costs.of_inflating(250))


def test_what_takes_long_costs_much() -> None:
    """Bytes and compressed bytes cost in proportion, and a signature costs more than a ping."""
    assert (16, 64) == (costs.of_bytes(64 * 1024), costs.of_inflating(16 * 1024))
    assert costs.TOKEN_CHECK > 1


@pytest.mark.parametrize(
    ("command", "held", "tokens"),
    [
        (Subscribe(symbols=["*"]), 0, 12 + 20),
        (Subscribe(symbols=["*"], snapshot=False), 0, 12),
        (Subscribe(symbols=["BTC"]), 1_999, 12),
        (Subscribe(symbols=["BTC"] * 50), 0, 0),
        (Subscribe(symbols=["*"], snapshot=False, since=dict.fromkeys(map(str, range(2_000)), 1)), 0, 12 + 100),
        (Unsubscribe(symbols=["*"]), 2_000, 12),
        (Unsubscribe(symbols=["BTC"]), 2_000, 12),
        (List(), 2_000, 12),
        (ListSymbols(), 0, 20),
        (Ping(), 2_000, 0),
        (Auth(token="x" * 9), 2_000, costs.TOKEN_CHECK),
    ],
)
def test_a_command_costs_by_what_it_makes_us_look_at(command: AnyCommand, held: int, tokens: int) -> None:
    """A command costs by the symbols that it names, holds and gets snapshots of."""
    assert tokens == costs.of_command(command, held, 2_000)


def test_unknown_names_cost_by_what_is_looked_up_for_them() -> None:
    """Three at most are looked up, and thousands are to be put in order."""
    assert (5, 15, 15, 62 + 15) == tuple(costs.of_unknown(names) for names in (1, 3, 100, 10_000))


def test_by_default_there_is_room_for_every_symbol_that_one_may_hold_and_for_the_longest_token() -> None:
    """By default a compressed message has room for thousands of random names, and for the longest token."""
    settings = Settings()
    names = [f"{number * 7_919_999 % 10**7}USDT" for number in range(settings.max_symbols_per_connection)]
    subscribe = deflated(repr({"type": "subscribe", "symbols": names}).encode())
    assert len(subscribe) < longest_compressed(settings.max_message_bytes)
    assert costs.UNKNOWN_COMPRESSED > 8192 + 64

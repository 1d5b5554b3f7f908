"""The prices in a reader's hand, and their ages."""

import json

from bench.clients.hand import Hand
from bench.clients.wire import PING, TEXT, server_frame
from bench.feed.ticks import SYMBOLS


def tick(symbol: str, recv_us: int) -> bytes:
    """A frame with a price received then."""
    fields = {"seq": recv_us, "bid": 1, "ask": 2, "bid_size": 1, "ask_size": 1, "last": 1}
    scales = {"price_scale": 2, "size_scale": 5}
    message = {"type": "tick", "symbol": symbol, **fields, **scales, "recv_us": recv_us}
    return server_frame(TEXT, json.dumps(message).encode())


def test_the_newest_price_is_in_hand_however_bytes_are_cut() -> None:
    """Its age is that of the newest price of each symbol, and a ping among them is handed out."""
    hand = Hand()
    stream = tick("A", 1_000) + server_frame(PING, b"7") + tick("A", 3_000) + tick("B", 2_000)
    others = [other for at in range(len(stream)) for other in hand.feed(stream[at : at + 1])]
    hand.look(5_000)
    assert others == [(PING, b"7")]
    assert sorted(hand.ages_us) == [2_000, 3_000]
    assert (hand.ticks, hand.bytes) == (3, len(stream))


def test_bytes_before_the_first_current_price_are_counted_after_a_stall() -> None:
    """Those of the frame that began before the stall among them; a current price is at most half a second old."""
    hand = Hand()
    old, current = tick("A", 1_000_000), tick("A", 8_600_000)
    hand.feed(old + old[:10])
    hand.resume(9_000_000)
    hand.feed(old[10:] + old + current + current)
    assert (hand.older_ticks, hand.bytes_before_current) == (2, 2 * len(old) - 10)


def test_where_no_current_price_came_all_bytes_are_older() -> None:
    """As where the gateway cut it off meanwhile."""
    hand = Hand()
    hand.resume(9_000_000)
    hand.feed(tick("A", 1_000_000))
    assert hand.bytes_before_current == hand.bytes > 0


def test_prices_are_current_when_every_symbol_is() -> None:
    """One that is still old is enough for no."""
    hand = Hand()
    hand.resume(9_000_000)
    for symbol in SYMBOLS[1:]:
        hand.feed(tick(symbol, 8_600_000))
    assert not hand.is_current
    hand.feed(tick(SYMBOLS[0], 8_400_000))
    assert not hand.is_current
    hand.feed(tick(SYMBOLS[0], 8_600_000))
    assert hand.is_current

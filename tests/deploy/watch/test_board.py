"""What is known of each symbol that is watched."""

from typing import Any

import orjson
import pytest

from deploy.watch.board import Board, Row
from deploy.watch.messages import Message, read
from market.prices.tick import MAX_EXACT


def message(kind: str, **fields: Any) -> Message:
    """Read a message as a gateway sends it."""
    told = read(orjson.dumps({"type": kind, **fields}).decode())
    assert told is not None
    return told


def price(symbol: str, bid: int, kind: str = "tick", **fields: Any) -> Message:
    """Read a price at scale 2."""
    return message(kind, symbol=symbol, seq=1, bid=bid, price_scale=2, size_scale=0, recv_us=5, **fields)


def status(feed: str, reason: str = "", venue: str = "binance") -> Message:
    """Read the state of a venue."""
    return message("status", feed=feed, reason=reason, source="simulated", since_us=1, venue=venue)


def state(symbol: str, its: str, reason: str = "") -> Message:
    """Read the state of a symbol."""
    return message("symbol_status", symbol=symbol, state=its, reason=reason, since_us=1)


@pytest.fixture
def board() -> Board:
    """Give a board of two symbols of one venue, and one of another; all are live."""
    board = Board()
    board.connected()
    for told in (status("live"), status("live", venue="coinbase")):
        board.take(told)
    board.take(message("subscribed", symbols=["BTCUSDT", "ETHUSDT", "coinbase:BTC-USD"], id="watch"))
    return board


def states(board: Board) -> list[tuple[str, str]]:
    """State and reason of each symbol."""
    return [(row.state, row.reason) for row in board.rows(board.symbols)]


def bids(board: Board) -> list[object]:
    """Bid of each symbol."""
    return [None if row.tick is None else row.tick.bid for row in board.rows(board.symbols)]


def test_the_newest_price_counts(board: Board) -> None:
    """Snapshots, ticks and batches alike; nothing is kept of symbols that are not watched."""
    assert board.take(price("BTCUSDT", 1, "snapshot")) == ["BTCUSDT"]
    assert board.take(price("BTCUSDT", 2)) == ["BTCUSDT"]
    tick = {"seq": 1, "price_scale": 2, "size_scale": 0, "recv_us": 5}
    batch = [{"symbol": "ETHUSDT", "bid": 3, **tick}, {"symbol": "XRPUSDT", "bid": 4, **tick}]
    assert board.take(message("ticks", ticks=batch)) == ["ETHUSDT"]
    assert bids(board) == [2, 3, None]
    assert board.take(price("XRPUSDT", 1)) == []


def test_prices_stay_integers(board: Board) -> None:
    """The largest that a message may have loses no digit."""
    board.take(price("BTCUSDT", MAX_EXACT))
    assert bids(board)[0] == MAX_EXACT


def test_a_symbol_has_the_state_that_it_was_told(board: Board) -> None:
    """With the reason; a price alone makes nothing live."""
    assert board.take(state("ETHUSDT", "halted", "the exchange says BREAK")) == ["ETHUSDT"]
    board.take(price("ETHUSDT", 1))
    assert states(board) == [("live", ""), ("halted", "the exchange says BREAK"), ("live", "")]
    board.take(state("ETHUSDT", "live"))
    assert states(board) == [("live", "")] * 3


def test_a_stale_venue_makes_all_its_symbols_stale(board: Board) -> None:
    """And those of no other; when it is live again, its symbols are what they were."""
    board.take(state("ETHUSDT", "halted", "BREAK"))
    assert board.take(status("stale", "the poller is silent")) == ["BTCUSDT", "ETHUSDT"]
    assert states(board) == [("stale", "the poller is silent")] * 2 + [("live", "")]
    board.take(status("live"))
    assert states(board) == [("live", ""), ("halted", "BREAK"), ("live", "")]


def test_without_a_connection_everything_is_stale(board: Board) -> None:
    """Prices stay readable. The next connection says all states anew."""
    board.take(price("BTCUSDT", 1))
    board.take(state("ETHUSDT", "halted", "BREAK"))
    assert board.lost("the connection was lost") == ["BTCUSDT", "ETHUSDT", "coinbase:BTC-USD"]
    assert states(board) == [("stale", "the connection was lost")] * 3
    assert {row.source for row in board.rows(board.symbols)} == {"simulated"}
    assert bids(board) == [1, None, None]
    board.connected()
    assert states(board) == [("", "")] * 3
    board.take(status("live"))
    assert states(board) == [("live", ""), ("live", ""), ("", "")]


def test_a_symbol_that_is_taken_away_is_shown_no_more(board: Board) -> None:
    """The gateway unsubscribes what it does not serve any more."""
    board.take(message("unsubscribed", symbols=["BTCUSDT"]))
    assert board.symbols == ["ETHUSDT", "coinbase:BTC-USD"]
    assert board.rows(["BTCUSDT"]) == []


def test_a_row_without_a_price_says_what_is_known() -> None:
    """Before the first status nothing is claimed."""
    board = Board()
    board.connected()
    board.take(message("subscribed", symbols=["BTCUSDT"]))
    assert board.rows(["BTCUSDT"]) == [Row("BTCUSDT", None, "", "")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"type":"news"}', '{"type":"tick","symbol":3}', "nonsense"])
def test_what_it_does_not_understand_is_nothing(text: str) -> None:
    """A newer gateway may say more."""
    assert read(text) is None

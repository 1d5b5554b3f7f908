"""What Coinbase Exchange's messages mean."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.prices.stats import Stats
from poller.source import Update
from poller.stream.dialect import Ack, Alive, Ending, StreamEvent, Unexpected
from poller.venues.coinbase.dialect import CoinbaseDialect

FIXTURE = Path(__file__).parents[3] / "fixtures" / "coinbase-exchange.txt"
"""Messages of the shapes that were recorded in 2021 and 2026."""
SECOND_US = 1_773_682_606_000_000
"""2026-03-16T17:36:46Z."""
XYZ = "coinbase:XYZ-USD"


def parsed(dialect: CoinbaseDialect, message: str) -> list[StreamEvent]:
    """Parse a message that came at 5 microseconds."""
    return list(dialect.parse(message, 5))


def quote(at_us: int, bid: str, bid_size: str, ask: str, ask_size: str) -> Update:
    """Expect a quote."""
    return Update(
        symbol=XYZ,
        recv_us=5,
        update_id=SECOND_US + at_us,
        counted=False,
        event_us=SECOND_US + at_us,
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
    )


def summary(at_us: int, last: str, volume: str, trade_id: int) -> Update:
    """Expect a last price and a volume, with the other figures of 24 hours."""
    at_us += SECOND_US
    stats = Stats(
        symbol=XYZ, ts_us=at_us, open="19.5", high="20.55", low="19.2", last=last, volume=volume, last_size="0.04",
        last_id=trade_id,
    )  # fmt: skip
    return Update(symbol=XYZ, recv_us=5, event_us=at_us, last=last, volume=volume, stats=stats)


def test_a_recording_is_understood() -> None:
    """A message makes a quote only if the best level of a side has moved, with every number as written."""
    dialect = CoinbaseDialect()
    said = [parsed(dialect, line) for line in FIXTURE.read_text(encoding="utf-8").splitlines()]
    error = "Failed to subscribe: ABC-BTC is not a valid product"
    assert said == [
        [Ack(None, subjects=frozenset({XYZ}))],
        [quote(100_000, "20.01", "1.00000000", "20.015", "0.25000000")],
        [summary(603_368, "20.015", "94381.28000000", 881613)],
        [quote(650_000, "20.01", "1.00000000", "20.02", "3.5")],
        [],
        [Alive(XYZ)],
        [quote(1_050_000, "20", "0.10", "20.02", "3.5")],
        [summary(1_100_001, "20.02", "94381.32000000", 881614)],
        [Ack(None, error, subjects=("coinbase:ABC-BTC",), again=False)],
    ]


def test_a_snapshot_replaces_the_book() -> None:
    """A new snapshot replaces the whole book; its top is a quote even if it has not moved."""
    dialect = CoinbaseDialect()
    snapshot = '{"type":"snapshot","product_id":"XYZ-USD","bids":[["1","2"]],"asks":[],"time":"2026-03-16T17:36:46Z"}'
    first = parsed(dialect, snapshot)
    assert [quote(0, "1", "2", "", "")] == first
    parsed(dialect, '{"type":"l2update","product_id":"XYZ-USD","changes":[["sell","3","1"]]}')
    assert first == parsed(dialect, snapshot)


def test_trades_go_on_while_the_book_stands_still() -> None:
    """Five seconds after a trade without a change of the book, the book counts as wrong; the next change ends that."""
    dialect = CoinbaseDialect()

    def traded(second: int) -> list[StreamEvent]:
        time = f"2026-03-16T17:36:{second:02d}Z"
        return parsed(dialect, json.dumps({"type": "ticker", "product_id": "XYZ-USD", "price": "1", "time": time}))

    def changed(second: int) -> None:
        change = {"type": "l2update", "product_id": "XYZ-USD", "changes": [["buy", "1", f"{second}"]]}
        parsed(dialect, json.dumps({**change, "time": f"2026-03-16T17:36:{second:02d}Z"}))

    # Of a connection that tells no book, its own absence says enough.
    assert [1, 1] == [len(traded(second)) for second in (1, 40)]
    snapshot = {"type": "snapshot", "product_id": "XYZ-USD", "bids": [], "asks": [], "time": "2026-03-16T17:36:10Z"}
    parsed(dialect, json.dumps(snapshot))
    # The last trade before the book was told, then trades after a long quiet.
    assert [1, 1, 1] == [len(traded(second)) for second in (2, 20, 24)]
    changed(24)
    assert [1, 1] == [len(traded(second)) for second in (30, 34)]
    update, complaint = traded(35)
    assert isinstance(update, Update)
    assert Unexpected("trades without a change of the book", XYZ) == complaint
    changed(36)
    assert [1, 1] == [len(traded(second)) for second in (36, 40)]


@pytest.mark.parametrize(
    ("message", "symbol"),
    [
        ("", None),
        ("[]", None),
        ("{}", ""),
        ('{"type":"received","product_id":"XYZ-USD"}', ""),
        ('{"type":"l2update","product_id":"XYZ-USD","changes":[["buy","1","2"]]}', XYZ),
        ('{"type":"l2update","product_id":"XYZ-USD","changes":[["buy",1,"2"]]}', XYZ),
        ('{"type":"l2update","product_id":"XYZ-USD","changes":[["bid","1","2"]]}', XYZ),
        ('{"type":"snapshot","product_id":"XYZ-USD","bids":[["x","2"]],"asks":[]}', XYZ),
        ('{"type":"snapshot","product_id":"XYZ-USD","bids":{},"asks":[]}', XYZ),
        ('{"type":"snapshot","bids":{},"asks":[]}', None),
        ('{"type":"ticker","product_id":"XYZ-USD","price":20.5}', ""),
        ('{"type":"ticker","product_id":"XYZ-USD","price":"20.5","time":"yesterday"}', ""),
        ('{"type":"ticker","product_id":"XYZ-USD","price":"20.5","time":"2026-03-16T17:36:46"}', ""),
    ],
)
def test_what_means_nothing(message: str, symbol: str | None) -> None:
    """An unreadable message is reported with the symbol whose quote is lost."""
    (event,) = parsed(CoinbaseDialect(), message)
    assert isinstance(event, Unexpected)
    assert symbol == event.symbol


@given(st.text(max_size=80) | st.binary(max_size=40).map(repr))
def test_whatever_comes(text: str) -> None:
    """No message raises an exception."""
    parsed(CoinbaseDialect(), text)
    parsed(CoinbaseDialect(), json.dumps({"type": text, "product_id": text, "changes": [["buy", text, text]]}))


@pytest.mark.parametrize("message", ["ErrSlowConsume", "ErrSlowRead", "Message too big"])
def test_an_error_that_ends_the_connection(message: str) -> None:
    """Any other error replaces the connection, with the exchange's reason."""
    (event,) = parsed(CoinbaseDialect(), json.dumps({"type": "error", "message": message}))
    assert Ending(f"the exchange: {message}") == event


def test_a_refusal_that_names_no_product_may_be_passing() -> None:
    """A general refusal is for the oldest request, which is repeated."""
    said = '{"type":"error","message":"Failed to subscribe","reason":"too many requests"}'
    assert [Ack(None, "Failed to subscribe: too many requests")] == parsed(CoinbaseDialect(), said)


def test_each_symbol_is_asked_for_alone() -> None:
    """An unknown product fails the request that names it, and no other."""
    one, two = CoinbaseDialect().requests("SUBSCRIBE", [XYZ, "coinbase:A-B"])
    assert ((XYZ,), ("coinbase:A-B",)) == (one.subjects, two.subjects)
    assert {
        "type": "subscribe",
        "product_ids": ["XYZ-USD"],
        "channels": ["level2_batch", "ticker", "heartbeat"],
    } == json.loads(one.encode(1))
    (end,) = CoinbaseDialect().requests("UNSUBSCRIBE", [XYZ])
    assert "unsubscribe" == json.loads(end.encode(2))["type"]
    assert "wss://h" == CoinbaseDialect().url("wss://h")

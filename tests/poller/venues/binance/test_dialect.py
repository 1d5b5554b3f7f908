"""What is sent to Binance's streams."""

import json

from hypothesis import given
from hypothesis import strategies as st

from poller.venues.binance.dialect import BinanceDialect, batches


@given(st.lists(st.integers(2, 60), max_size=1100), st.sampled_from(["0", "币", "é", '"', "𝄞"]))
def test_batches_keep_both_limits(lengths: list[int], filler: str) -> None:
    """No SUBSCRIBE has more than 200 streams or 4,096 bytes, and together they name each stream once, in order."""
    streams = [f"{number}".rjust(length, filler) for number, length in enumerate(lengths)]
    parts = list(batches("SUBSCRIBE", streams, 200, 4096))
    assert streams == [stream for part in parts for stream in part]
    for part in parts:
        request = {"method": "SUBSCRIBE", "params": part, "id": 10**9}
        assert len(part) <= 200
        assert len(json.dumps(request, separators=(",", ":"), ensure_ascii=False).encode()) <= 4096


def test_request_is_as_documented() -> None:
    """A SUBSCRIBE names its streams and carries a number."""
    (request,) = BinanceDialect().requests("SUBSCRIBE", ["BTCUSDT"])
    assert {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@bookTicker", "btcusdt@miniTicker"],
        "id": 1,
    } == json.loads(request.encode(1))


def test_several_symbols_in_one_request() -> None:
    """Each brings its quotes and its summaries, in lower case."""
    (request,) = BinanceDialect().requests("UNSUBSCRIBE", ["A1USDT", "币USDT"])
    assert ("a1usdt@bookTicker", "a1usdt@miniTicker", "币usdt@bookTicker", "币usdt@miniTicker") == request.subjects
    assert "UNSUBSCRIBE" == request.method == json.loads(request.encode(7))["method"]


def test_url() -> None:
    """Connections are to the combined streams; what they bring is subscribed later."""
    assert "wss://h:9443/stream" == BinanceDialect().url("wss://h:9443")

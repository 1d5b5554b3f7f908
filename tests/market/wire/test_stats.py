"""Figures of 24 hours on the bus."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.prices.stats import NUMBERS, Stats
from market.wire.codec import CodecError
from market.wire.stats import (
    MAX_STATS_BATCH_BYTES,
    MAX_STATS_BYTES,
    MOST_IN_BATCH,
    decode_stats,
    encode_stats,
    encode_stats_batch,
    split_stats_batch,
)
from tests.market.samples import stats


@given(stats())
def test_every_digit_survives(original: Stats) -> None:
    """What was written is read, and is as long as may be read."""
    payload = encode_stats(original)
    assert original == decode_stats(payload)
    assert len(payload) <= MAX_STATS_BYTES // 2


@given(st.lists(stats(), max_size=5, unique_by=lambda its: its.symbol))
def test_a_batch_has_each_symbol_s_own_bytes(originals: list[Stats]) -> None:
    """So a gateway can keep them without decoding."""
    parts = [(its.symbol, encode_stats(its)) for its in originals]
    assert dict(parts) == {symbol: bytes(raw) for symbol, raw in split_stats_batch(encode_stats_batch(parts)).items()}


def test_the_forms() -> None:
    """Exactly these bytes, which processes of all versions on one bus agree on."""
    its = Stats(symbol="币安人生USDT", ts_us=7, open="0.10000000", change="-1.0", trades=3)
    one = '{"symbol":"币安人生USDT","ts_us":7,"open":"0.10000000","change":"-1.0","trades":3}'
    assert one.encode() == encode_stats(its)
    batch = '{"version":1,"stats":{"币安人生USDT":' + one + "}}"
    assert batch.encode() == encode_stats_batch([(its.symbol, encode_stats(its))])


def test_unknown_fields_are_ignored() -> None:
    """A newer poller may have more to say."""
    newer = json.dumps({"version": 1, "more": [], "stats": {"A1": {"symbol": "A1", "ts_us": 7, "colour": "red"}}})
    raw = split_stats_batch(newer.encode())["A1"]
    assert Stats(symbol="A1", ts_us=7) == decode_stats(bytes(raw))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"symbol":"A1"}',
        b'{"symbol":"","ts_us":7}',
        b'{"symbol":"A1","ts_us":-1}',
        b'{"symbol":"A1","ts_us":7,"open":1.5}',
        b'{"symbol":"A1","ts_us":7,"open":"1e5"}',
        b'{"symbol":"A1","ts_us":7,"open":null}',
        '{"symbol":"%s","ts_us":7}'.replace("%s", "币" * 30).encode(),
        b'{"symbol":"A1","ts_us":7}' + b" " * MAX_STATS_BYTES,
    ],
)
def test_anything_else_is_refused(payload: bytes) -> None:
    """Anybody may write to a bus."""
    with pytest.raises(CodecError, match="not stats"):
        decode_stats(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'{"version":2,"stats":{}}',
        b'{"version":1,"stats":[]}',
        b'{"version":1,"stats":{"":{}}}',
        b'{"version":1,"stats":{}}' + b" " * MAX_STATS_BATCH_BYTES,
    ],
)
def test_a_batch_that_is_none_is_refused(payload: bytes) -> None:
    """Whole: it has no symbols to go by."""
    with pytest.raises(CodecError, match="not a batch of stats"):
        split_stats_batch(payload)


def test_our_longest_batch_may_be_read() -> None:
    """With all symbols and the longest figures that we write."""
    longest: dict[str, Any] = dict.fromkeys(NUMBERS[:6], "9" * 30 + "." + "9" * 30)
    payload = encode_stats(Stats(symbol="A" * 64, ts_us=2**53 - 1, **longest))
    batch = encode_stats_batch((f"{number:064d}", payload) for number in range(MOST_IN_BATCH))
    assert MOST_IN_BATCH == len(split_stats_batch(batch))
    assert msgspec.json.decode(batch)["version"] == 1

"""Binance's messages, read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.prices.stats import Stats
from poller.rest.answers import Answer
from poller.source import Update
from poller.stream.dialect import Ack, Ending, Unexpected
from poller.venues.binance.messages import (
    error_of,
    parse_message,
    parse_quotes,
    parse_summaries,
)

QUOTE = {"u": 400900217, "s": "BTCUSDT", "b": "60000.01", "B": "1.2", "a": "60000.02", "A": "0.8"}
SUMMARY = {"e": "24hrMiniTicker", "E": 1700000000000, "s": "BTCUSDT", "c": "60000.01", "o": "1", "v": "1000.0"}
REST_QUOTE = {
    "symbol": "BTCUSDT",
    "bidPrice": "60000.01000000",
    "bidQty": "1.20000000",
    "askPrice": "60000.02000000",
    "askQty": "0.80000000",
}

SHUTDOWN = Ending("the exchange shuts this connection down")


def combined(stream: str, data: Any) -> bytes:
    """Write a message of a combined stream."""
    return json.dumps({"stream": stream, "data": data}).encode()


def test_quote_of_the_stream() -> None:
    """``bookTicker`` becomes a quote with its update id, and no event time."""
    expected = Update(
        symbol="BTCUSDT",
        recv_us=7,
        update_id=400900217,
        bid="60000.01",
        bid_size="1.2",
        ask="60000.02",
        ask_size="0.8",
    )
    assert expected == parse_message(combined("btcusdt@bookTicker", QUOTE), 7)


def test_summary_of_the_stream() -> None:
    """``miniTicker`` becomes last and volume, with its event time in microseconds."""
    stats = Stats(symbol="BTCUSDT", ts_us=1700000000000000, open="1", last="60000.01", volume="1000.0")
    expected = Update(
        symbol="BTCUSDT", recv_us=7, event_us=1700000000000000, last="60000.01", volume="1000.0", stats=stats
    )
    assert expected == parse_message(combined("btcusdt@miniTicker", SUMMARY), 7)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b'{"result":null,"id":1}', Ack(1, "")),
        (b'{"result":[],"id":2}', Ack(2, "")),
        (b'{"code":2,"msg":"Invalid request: x"}', Ack(None, "2: Invalid request: x")),
        (b'{"code":3,"msg":"Invalid JSON: x"}', Ack(None, "3: Invalid JSON: x")),
        (b'{"error":{"code":4,"msg":"Too many subscriptions"},"id":19}', Ack(19, "4: Too many subscriptions")),
        (b'{"e":"serverShutdown","E":1700000000000}', SHUTDOWN),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1700000000000}}', SHUTDOWN),
    ],
)
def test_answers_and_announcements(message: bytes, expected: object) -> None:
    """Answers with and without a number, in both forms of error, and both forms of the shutdown are told apart."""
    assert expected == parse_message(message, 0)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        b"{",
        b"[]",
        b"{}",
        b"null",
        b"\xff\xfe",
        b'{"id":1}',
        b'{"stream":1,"data":{}}',
        b'{"stream":"btcusdt@bookTicker"}',
        b'{"stream":"btcusdt@bookTicker","data":null}',
        b'{"stream":"btcusdt@depth","data":{}}',
        combined("btcusdt@bookTicker", {**QUOTE, "u": "400900217"}),
        combined("btcusdt@bookTicker", {**QUOTE, "b": 60000.01}),
        combined("btcusdt@miniTicker", {**SUMMARY, "E": None}),
        combined("btcusdt@miniTicker", {**SUMMARY, "c": 1.5}),
        b'{"x":' + b"[" * 100_000,
        b'{"stream":"btcusdt@bookTicker","data":{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
    ],
)
def test_everything_else_is_unexpected(message: bytes) -> None:
    """Not JSON, a wrong type, an unknown stream: a value that says so, and no exception."""
    assert isinstance(parse_message(message, 0), Unexpected)


@given(st.binary() | st.text())
def test_nothing_at_all_raises(message: bytes | str) -> None:
    """Whatever comes, parsing gives a value."""
    parse_message(message, 0)


def test_empty_quote_is_passed_on() -> None:
    """A zero price or a missing side is passed on as it is: the processor judges it."""
    update = parse_message(combined("btcusdt@bookTicker", {**QUOTE, "b": "0.00000000", "a": None}), 0)
    assert isinstance(update, Update)
    assert ("0.00000000", None) == (update.bid, update.ask)


def test_quotes_of_rest_as_object_and_array() -> None:
    """One symbol's answer is an object, several symbols' an array; both give quotes without an update id."""
    expected = Update(
        symbol="BTCUSDT",
        recv_us=7,
        bid="60000.01000000",
        bid_size="1.20000000",
        ask="60000.02000000",
        ask_size="0.80000000",
    )
    for body in (json.dumps(REST_QUOTE), json.dumps([REST_QUOTE])):
        assert Answer([expected], 0) == parse_quotes(body.encode(), 7, {"BTCUSDT"})


def test_only_the_symbols_wanted() -> None:
    """Of an answer about the whole market, only ours are taken."""
    body = json.dumps([{**REST_QUOTE, "symbol": symbol} for symbol in ("ETHBTC", "BTCUSDT", "XRPUSDT")]).encode()
    assert ["BTCUSDT"] == [update.symbol for update in parse_quotes(body, 0, {"BTCUSDT"}).updates]


def test_summaries_of_rest() -> None:
    """``24hr`` gives last and volume."""
    body = b'{"symbol":"BTCUSDT","lastPrice":"60000.01","volume":"1000.0","count":500}'
    stats = Stats(symbol="BTCUSDT", ts_us=7, last="60000.01", volume="1000.0", trades=500)
    expected = Update(symbol="BTCUSDT", recv_us=7, last="60000.01", volume="1000.0", stats=stats)
    assert Answer([expected], 0) == parse_summaries(body, 7, {"BTCUSDT"})


def test_one_wrong_row_does_not_hide_the_others() -> None:
    """A row with a wrong type is counted; the rest of the answer counts as ever."""
    rows = [{**REST_QUOTE, "symbol": "ETHUSDT", "bidPrice": 1.5}, REST_QUOTE, 17]
    answer = parse_quotes(json.dumps(rows).encode(), 0, {"BTCUSDT", "ETHUSDT"})
    assert (["BTCUSDT"], 2) == ([update.symbol for update in answer.updates], answer.malformed)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[", b"null", b"\xff", b"[" * 100_000, b'{"x":' + b"[" * 5_000]
)
def test_garbage_is_counted(body: bytes) -> None:
    """An answer that is none of this gives nothing, and counts as malformed."""
    assert Answer([], 1) == parse_quotes(body, 0, {"BTCUSDT"})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"code":-1121,"msg":"Invalid symbol."}', (-1121, "Invalid symbol.")),
        (b"<html>403 Forbidden</html>", (0, "")),
        (b'{"code":"x"}', (0, "")),
        (b"[]", (0, "")),
        (b"", (0, "")),
    ],
)
def test_error_body(body: bytes, expected: tuple[int, str]) -> None:
    """Code and message of an error are read where there are any."""
    assert expected == error_of(body)

"""What a client holds, command by command."""

import json
from typing import Any

import pytest

from gateway.auth.grant import ANONYMOUS, Grant
from gateway.binance.commands import Command, invalid
from gateway.binance.encoding import Encodings, Writing
from gateway.binance.names import StreamNames
from gateway.binance.session import MOST_STREAMS, Outcome, StreamSession
from market.prices.symbols import Symbols
from tests.gateway.binance.conftest import SYMBOLS

ENCODINGS = Encodings(lambda: 0, lambda _symbol: None)
RAW = Writing(combined=False, micro=False)


def session(grant: Grant = ANONYMOUS, symbols: Symbols = SYMBOLS, **options: Any) -> StreamSession:
    """A session that has no streams yet."""
    return StreamSession(StreamNames(symbols), grant, ENCODINGS, RAW, **options)


def subscribe(its: StreamSession, *names: str) -> Outcome:
    """The outcome of a subscribe."""
    return its.obey(Command("SUBSCRIBE", 1, names))


def problem(outcome: Outcome) -> str:
    """What was wrong."""
    assert outcome.is_wrong
    assert outcome.wants is None
    return str(json.loads(outcome.answer)["error"]["msg"])


def held(its: StreamSession) -> Any:
    """What it lists."""
    return json.loads(its.obey(Command("LIST_SUBSCRIPTIONS", 1)).answer)["result"]


def test_streams_of_figures_share_a_topic_and_those_of_quotes_have_one() -> None:
    """A topic is held once, in the form that has all its streams."""
    its = session()
    outcome = subscribe(its, "btcusdt@ticker", "btcusdt@bookTicker", "btcusdt@miniTicker", "ethusdt@ticker")
    assert {"BTCUSDT", "BTCUSDT@stats", "ETHUSDT@stats"} == set(outcome.snapshots)
    assert {
        (frozenset({"BTCUSDT"}), ENCODINGS.quotes(RAW)),
        (frozenset({"BTCUSDT@stats"}), ENCODINGS.stats(RAW, ("miniTicker", "ticker"))),
        (frozenset({"ETHUSDT@stats"}), ENCODINGS.stats(RAW, ("ticker",))),
    } == {(one.topics, one.encoding) for one in outcome.wants or ()}


def test_a_stream_of_all_symbols_is_batched_once_a_second() -> None:
    """Streams of single symbols beside it make cohorts of their own."""
    its = session(deflate=True)
    outcome = subscribe(its, "!miniTicker@arr", "btcusdt@miniTicker")
    rest, own = sorted(outcome.wants or (), key=lambda one: len(one.topics), reverse=True)
    assert {"ETHUSDT@stats", "币安人生USDT@stats"} == rest.topics
    assert {"BTCUSDT@stats"} == own.topics
    assert (True, True, 1.0) == (rest.batch, rest.deflate, rest.max_hz)
    assert ENCODINGS.stats(RAW, ("miniTicker", "!miniTicker@arr")) is own.encoding
    assert "" in its.symbols


def test_a_stream_that_is_held_is_not_begun_again() -> None:
    """One client subscribes to what its URL named."""
    its = session()
    subscribe(its, "btcusdt@bookTicker")
    again = subscribe(its, "btcusdt@bookTicker", "ethusdt@bookTicker")
    assert ["ETHUSDT"] == again.snapshots
    assert ["btcusdt@bookTicker", "ethusdt@bookTicker"] == held(its)


def test_nothing_is_held_of_a_subscribe_that_is_partly_wrong() -> None:
    """The error names what is wrong, and not all of very much."""
    its = session()
    words = problem(subscribe(its, "btcusdt@bookTicker", *(f"x{number}@trade" for number in range(9))))
    assert "x0@trade" in words
    assert words.endswith("; and 6 more")
    assert [] == held(its)


def test_unsubscribe_gives_up_what_is_held() -> None:
    """What is not held is no error."""
    its = session()
    subscribe(its, "btcusdt@bookTicker", "btcusdt@ticker")
    outcome = its.obey(Command("UNSUBSCRIBE", 2, ["btcusdt@ticker", "ethusdt@ticker"]))
    assert [frozenset({"BTCUSDT"})] == [one.topics for one in outcome.wants or ()]
    assert () == its.obey(Command("UNSUBSCRIBE", 2, ["btcusdt@bookTicker"])).wants


def test_the_property_is_what_messages_are_written_by() -> None:
    """It is told when asked for, and changes every stream."""
    its = session()
    subscribe(its, "btcusdt@bookTicker")
    assert {"result": False, "id": 1} == json.loads(its.obey(Command("GET_PROPERTY", 1)).answer)
    outcome = its.obey(Command("SET_PROPERTY", 2, value=True))
    assert [ENCODINGS.quotes(Writing(True, False))] == [one.encoding for one in outcome.wants or ()]
    assert its.encoding is ENCODINGS.quotes(Writing(True, False))


def test_a_connection_has_1024_streams_at_most() -> None:
    """As at Binance."""
    many = Symbols(f"N{number}USDT" for number in range(MOST_STREAMS))
    its = session(symbols=many)
    assert not subscribe(its, *(f"n{number}usdt@bookTicker" for number in range(MOST_STREAMS))).is_wrong
    assert "1025 streams are more than the 1024" in problem(subscribe(its, "n0usdt@ticker"))


def test_the_gateways_own_limit_of_symbols_holds_too() -> None:
    """Streams of all symbols count them all."""
    assert "of 2 symbols, and one connection may hold 1" in problem(
        subscribe(session(max_symbols=1), "btcusdt@ticker", "ethusdt@ticker")
    )
    assert "of 3 symbols" in problem(subscribe(session(Grant("a", max_symbols=2)), "!miniTicker@arr"))
    assert not subscribe(session(max_symbols=1), "btcusdt@ticker", "btcusdt@bookTicker").is_wrong


def test_a_token_allows_its_own_symbols_and_rate() -> None:
    """Of all symbols it gets its own."""
    its = session(Grant("a", symbols=frozenset({"BTC", "ETH"}), max_hz=0.7))
    assert "the token does not allow 币安人生usdt@ticker" in problem(subscribe(its, "币安人生usdt@ticker"))
    (one,) = subscribe(its, "!miniTicker@arr").wants or ()
    assert {"BTCUSDT@stats", "ETHUSDT@stats"} == one.topics
    assert 0.5 == one.max_hz
    (_, quotes) = subscribe(its, "btcusdt@bookTicker").wants or ()
    assert 0.5 == quotes.max_hz


def test_other_symbols_end_streams_that_are_none_any_more() -> None:
    """Of all symbols it then holds the others."""
    its = session()
    subscribe(its, "ethusdt@bookTicker", "!miniTicker@arr")
    assert not its.serve(StreamNames(Symbols(["ETHUSDT", "XRPUSDT"])))
    assert {"ETHUSDT@stats", "XRPUSDT@stats"} == next(one.topics for one in its.wants if one.batch)
    assert its.serve(StreamNames(Symbols(["XRPUSDT"])))


@pytest.mark.parametrize("command_id", [7, "seven", None])
def test_a_refused_message_is_an_error_with_its_id(command_id: Any) -> None:
    """Nothing else happens."""
    outcome = session().obey(invalid("too many parameters", command_id))
    expected = {"error": {"code": 2, "msg": "Invalid request: too many parameters"}, "id": command_id}
    assert expected == json.loads(outcome.answer)
    assert outcome.is_wrong

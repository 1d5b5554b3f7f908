"""After an interruption an old price is not called live because connections are up again."""

from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from poller.coverage.source import StreamSource
from poller.coverage.staleness import UNPRICED
from tests.exchange import Exchange
from tests.poller.listening import LIMITS, REST, RecordingListener, arrived, eventually, heeding, new_ws

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A local exchange; a broken limit fails the test."""
    async with Exchange(SYMBOLS, structs.replace(LIMITS, weight=1_000_000)) as exchange:
        yield exchange
        assert [] == exchange.violations


async def interrupted(exchange: Exchange, source: StreamSource, listener: RecordingListener) -> None:
    """Wait until prices are live, and cut streams and REST off; REST stays so until healed."""
    await arrived(listener.updates, "BTCUSDT", "100.00000000")
    await eventually(lambda: source.state.link == "up")
    exchange.answer(500)
    exchange.faults.stream_status = 503
    exchange.drop()
    await eventually(lambda: source.state.link == "down")


async def test_streams_that_are_back_are_up_with_their_first_price(exchange: Exchange) -> None:
    """Until one comes, the link is down, and says that it waits for just that."""
    source = new_ws(exchange, SYMBOLS)
    async with heeding(source) as listener:
        await interrupted(exchange, source, listener)
        exchange.faults.stream_status = None
        await eventually(lambda: source.state.reason == UNPRICED)
        assert ("binance-ws", "down") == (source.state.source, source.state.link)
        exchange.quote("ETHUSDT", bid="7.00000000")
        await eventually(lambda: source.state.link == "up")
        assert "" == source.state.reason
    assert any(its.bid == "7.00000000" and its.symbol == "ETHUSDT" for its in listener.updates)


async def test_in_a_quiet_market_an_answer_of_rest_ends_it(exchange: Exchange) -> None:
    """The price may be the old one: since REST has said it again it is known to be right."""
    source = new_ws(exchange, SYMBOLS)
    async with heeding(source) as listener:
        await interrupted(exchange, source, listener)
        exchange.faults.stream_status = None
        await eventually(lambda: source.state.reason == UNPRICED)
        asked = len(listener.updates)
        exchange.heal()
        await eventually(lambda: source.state.link == "up")
        assert any(its.bid == "100.00000000" for its in listener.updates[asked:])


async def test_it_does_not_wait_for_ever(exchange: Exchange) -> None:
    """After the grace each symbol says for itself that its price is not known."""
    source = new_ws(exchange, SYMBOLS, structs.replace(REST, quiet_s=0.1), grace_s=0.3)
    async with heeding(source) as listener:
        await interrupted(exchange, source, listener)
        exchange.faults.stream_status = None
        await eventually(lambda: source.state.reason == UNPRICED)
        await eventually(lambda: source.state.link == "up")
        await eventually(lambda: listener.lacking.keys() == {*SYMBOLS})


@pytest.mark.parametrize("status", ["BREAK", "HALT"])
async def test_what_is_not_traded_is_not_waited_for(exchange: Exchange, status: str) -> None:
    """The listing says that no price comes, and the symbols' states do."""
    for symbol in SYMBOLS:
        exchange.market.set_status(symbol, status)
    source = new_ws(exchange, SYMBOLS)
    async with heeding(source):
        exchange.answer(500)
        await eventually(lambda: source.state.link == "up")


async def test_one_of_several_streams_waits_for_its_own_symbols(exchange: Exchange) -> None:
    """Symbols that were called stale during an interruption are so until a price of them comes."""
    source = new_ws(exchange, SYMBOLS, structs.replace(REST, quiet_s=0.1), grace_s=0.3, symbols_per_connection=1)
    async with heeding(source) as listener:
        await interrupted(exchange, source, listener)
        await eventually(lambda: listener.lacking.keys() == {*SYMBOLS})
        exchange.faults.stream_status = None
        await eventually(lambda: sum(len(connection.streams) for connection in exchange.open_connections) == 4)
        exchange.quote("BTCUSDT", bid="7.00000000")
        await eventually(lambda: "BTCUSDT" not in listener.lacking and source.state.link == "up")
        assert {"ETHUSDT"} == listener.lacking.keys()
        # The stream of the other one is up too, and says so.
        await eventually(lambda: source.state.reason.startswith("REST stands in for ETHUSDT: "))
        assert {"ETHUSDT"} == listener.lacking.keys()
        exchange.quote("ETHUSDT", bid="8.00000000")
        await eventually(lambda: not listener.lacking)

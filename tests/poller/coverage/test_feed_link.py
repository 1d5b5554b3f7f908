"""After an interruption an old price is not called live because connections are up again."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from poller.coverage.feed_link import FeedLink
from poller.coverage.source import StreamSource
from poller.coverage.staleness import UNPRICED
from poller.network.exchange_link import ExchangeLink
from tests.exchange import Exchange
from tests.fakes import run_virtual
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


class Scene:
    """A stream that is back after an interruption, and REST beside it; on a virtual clock."""

    def __init__(self) -> None:
        self.missing: set[str] = {"A", "B"}
        """Symbols of which no price has come."""
        self.shard = SimpleNamespace(live=True, lost_at=None, symbols=("A", "B"), reason="")
        self.watch = SimpleNamespace(is_asking=True, unpriced=lambda symbols: self.missing >= {*symbols})
        self.cover = SimpleNamespace(lacking={"A": "so", "B": "so"})
        parts: Any = (
            SimpleNamespace(source="x-ws", stand_in="x-rest", questions=None),
            ExchangeLink("x-ws", lambda: 0),
            [self.shard],
            SimpleNamespace(ok=False, reason=""),
        )
        others: Any = {"cover": self.cover, "watch": self.watch}
        self.link = FeedLink(*parts, **others, is_traded=lambda _: True, grace_s=3.0)
        self._state = parts[1]

    def says(self) -> tuple[str, str]:
        """Whether the link is up now, and why not."""
        self.link.refresh()
        return self._state.state.link, self._state.state.reason


def test_the_first_price_does_not_outrun_the_answer_that_has_all_others() -> None:
    """Else every symbol that is quiet would be called stale by itself, for a moment."""

    async def main() -> None:
        scene = Scene()
        assert scene.says() == ("down", UNPRICED)
        scene.missing.discard("A")
        await asyncio.sleep(1)
        assert scene.says() == ("down", UNPRICED)
        scene.watch.is_asking, scene.missing, scene.cover.lacking = False, set(), {}
        assert scene.says() == ("up", "")
        # Another stream is asked about later: what is live stays so.
        scene.watch.is_asking = True
        assert scene.says() == ("up", "")

    run_virtual(main())


@pytest.mark.parametrize("priced", [False, True])
def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_the_grace(priced: bool) -> None:
    """Each symbol then says for itself whether it is live."""

    async def main() -> None:
        scene = Scene()
        if priced:
            scene.missing.discard("A")
        assert scene.says() == ("down", UNPRICED)
        await asyncio.sleep(2.9)
        assert scene.says() == ("down", UNPRICED)
        await asyncio.sleep(0.2)
        assert scene.says() == ("up", "nothing comes of A, B")

    run_virtual(main())


def test_with_the_first_price_it_is_up_where_rest_has_failed() -> None:
    """That price is live, whatever becomes of the others."""

    async def main() -> None:
        scene = Scene()
        scene.watch.is_asking = False
        assert scene.says() == ("down", UNPRICED)
        scene.missing.discard("A")
        assert scene.says() == ("up", "nothing comes of A, B")

    run_virtual(main())

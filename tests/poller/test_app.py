"""Source, processor and publisher put together, on a real bus."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from aiohttp import ClientSession
from msgspec import UNSET

from deploy.ports import free_port
from market.bus import open_bus
from market.bus.memory import MemoryBus
from market.prices.symbols import parse_symbols
from market.prices.tick import Tick
from market.wire.codec import decode_heartbeat, decode_states, decode_tick
from market.wire.status import Heartbeat
from poller import app, opening
from poller.app import Poller, now_us
from poller.errors import PollerError
from poller.settings import PollerSettings
from poller.venues.auto import Auto
from tests.exchange import Exchange
from tests.market.bus.receivers import RecordingReceiver
from tests.market.bus.using import listen, publish
from tests.market.metrics.parsed import values_of
from tests.market.samples import tick
from tests.poller.recording import RECORDING, recorded_quotes
from tests.valkey import Valkey
from tests.waiting import HANGS_AFTER_S, until

HOUR_US = 3_600_000_000


@asynccontextmanager
async def polling(settings: PollerSettings) -> AsyncIterator[Poller]:
    """A poller that runs within the block, and is then stopped."""
    stop = asyncio.Event()
    poller = Poller(settings, open_bus(settings.bus_url))
    running = asyncio.create_task(poller.run(stop))
    try:
        yield poller
    finally:
        stop.set()
        async with asyncio.timeout(HANGS_AFTER_S):
            await running


@asynccontextmanager
async def listening(url: str, *symbols: str) -> AsyncIterator[RecordingReceiver]:
    """A subscriber to these symbols within the block."""
    bus, receiver = open_bus(url), RecordingReceiver()
    link = await listen(bus, symbols, receiver)
    yield receiver
    link.close()
    await bus.aclose()


def expected_quotes() -> list[dict[str, Any]]:
    """The numbers that the recording's quotes should become: Binance writes eight decimals, and whole sizes."""
    price_scale = {"NKNUSDT": 4, "BLZETH": 8, "LRCBTC": 8}
    return [
        {
            "symbol": its["s"],
            "bid": int(its["b"].replace(".", "")[: price_scale[its["s"]] - 8 or None]),
            "ask": int(its["a"].replace(".", "")[: price_scale[its["s"]] - 8 or None]),
            "bid_size": int(its["B"].removesuffix(".00000000")),
            "ask_size": int(its["A"].removesuffix(".00000000")),
            "price_scale": price_scale[its["s"]],
            "size_scale": 0,
        }
        for its in recorded_quotes()
    ]


def quote_of(its: Tick) -> dict[str, Any]:
    """The fields of a tick that come from the exchange."""
    names = ("symbol", "bid", "ask", "bid_size", "ask_size", "price_scale", "size_scale")
    return {name: getattr(its, name) for name in names}


def replaying(url: str) -> PollerSettings:
    """The real recording, as fast as the bus at ``url`` takes it."""
    symbols = parse_symbols("NKNUSDT,BLZETH,LRCBTC")
    return PollerSettings(bus_url=url, symbols=symbols, feed="replay", replay_path=RECORDING, replay_speed=0)


def simulating(url: str, **settings: Any) -> PollerSettings:
    """Two simulated symbols on the bus at ``url``."""
    return PollerSettings(bus_url=url, symbols=parse_symbols("BTCUSDT,ETHUSDT"), feed="simulated", **settings)


def heartbeats(receiver: RecordingReceiver) -> list[Heartbeat]:
    """The heartbeats that were received."""
    return [decode_heartbeat(payload) for symbol, payload in receiver.received if symbol == "beat"]


def ticks(receiver: RecordingReceiver) -> list[Tick]:
    """The ticks that were received."""
    return [decode_tick(payload) for symbol, payload in receiver.received if symbol != "beat"]


async def test_every_recorded_quote_arrives_once(valkey: Valkey) -> None:
    """Each quote of the real recording arrives once, in order and exactly; heartbeats continue after its end."""
    settings = replaying(valkey.url)
    async with listening(valkey.url, *settings.symbols) as receiver:
        async with polling(settings):
            await until(
                lambda: [heartbeat.reason for heartbeat in heartbeats(receiver)].count("the recording has ended") > 1
            )
        await receiver.until(lambda _: heartbeats(receiver)[-1].reason == "the poller was stopped")
    assert expected_quotes() == [quote_of(its) for its in ticks(receiver)]
    for symbol in settings.symbols:
        seqs = [its.seq for its in ticks(receiver) if its.symbol == symbol]
        assert list(range(seqs[0], seqs[0] + len(seqs))) == seqs
    assert {"down"} == {heartbeat.link for heartbeat in heartbeats(receiver)[-3:]}


async def test_bus_that_is_late(valkey: Valkey) -> None:
    """A replay as fast as it goes waits for a bus that is not there yet, and leaves nothing out."""
    valkey.stop()
    async with polling(replaying(valkey.url)) as poller:
        await until(lambda: poller.publisher.failures)
        valkey.start()
        await until(lambda: poller.publisher.published == 84)
        assert 0 == poller.publisher.conflated
    newest = {its["symbol"]: its for its in expected_quotes()}
    held = {symbol.decode(): decode_tick(payload) for symbol, payload in valkey.last_values().items()}
    assert newest == {symbol: quote_of(its) for symbol, its in held.items()}


async def test_restart(valkey: Valkey) -> None:
    """A second poller continues above the first one's numbers, even if those are ahead of the clock."""
    ahead = now_us() // 1000 + 3_600_000
    bus = open_bus(valkey.url)
    await publish(bus, [tick("BTCUSDT", ahead)])
    await bus.aclose()
    before = now_us() // 1000
    async with listening(valkey.url, "BTCUSDT", "ETHUSDT") as receiver:
        async with polling(simulating(valkey.url)):
            await until(lambda: len(ticks(receiver)) > 10)
        async with polling(simulating(valkey.url)):
            count = len(ticks(receiver))
            await until(lambda: len(ticks(receiver)) > count + 10)
    for symbol, lowest in (("BTCUSDT", ahead + 1), ("ETHUSDT", before)):
        seqs = [its.seq for its in ticks(receiver) if its.symbol == symbol]
        assert lowest <= seqs[0]
        assert sorted(set(seqs)) == seqs


async def test_two_pollers(valkey: Valkey) -> None:
    """Of two pollers the first publishes; when it stops it sends no final heartbeat, and the second continues."""
    settings = simulating(valkey.url)
    async with listening(valkey.url, *settings.symbols) as receiver, AsyncExitStack() as first_only:
        first = await first_only.enter_async_context(polling(settings))
        await until(lambda: first.publisher.published)
        async with polling(settings) as second:
            await until(lambda: valkey.command("EXISTS", "standby.poller"))
            assert (0, 0) == (second.publisher.published, second.publisher.heartbeats)
            await first_only.aclose()
            await until(lambda: second.publisher.published > 10)
    await receiver.until(lambda _: heartbeats(receiver)[-1].reason == "the poller was stopped")
    links = [heartbeat.link for heartbeat in heartbeats(receiver)]
    assert ["up"] * (len(links) - links.index("up") - 1) == links[links.index("up") : -1]
    for symbol in settings.symbols:
        seqs = [its.seq for its in ticks(receiver) if its.symbol == symbol]
        assert sorted(set(seqs)) == seqs


async def test_clock_that_is_stepped(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock set back an hour, and forward again, stops neither ticks nor heartbeats, and no seq goes back."""
    steps_us = [0]
    monkeypatch.setattr(app, "now_us", lambda: now_us() + steps_us[-1])
    settings = simulating(valkey.url)
    async with listening(valkey.url, *settings.symbols) as receiver, polling(settings) as poller:
        await until(lambda: poller.publisher.heartbeats and len(ticks(receiver)) > 10)
        for step_us in (-HOUR_US, 0):
            steps_us.append(step_us)
            heartbeats_before = poller.publisher.heartbeats
            # Summaries too, which are told apart by their time.
            volumes = {its.volume for its in ticks(receiver)}
            await until(partial(lambda known: {its.volume for its in ticks(receiver)} - known, volumes))
            await until(partial(lambda count: poller.publisher.heartbeats > count, heartbeats_before))
    for symbol in settings.symbols:
        seqs = [its.seq for its in ticks(receiver) if its.symbol == symbol]
        assert list(range(seqs[0], seqs[0] + len(seqs))) == seqs
    received = [its.recv_us for its in ticks(receiver)]
    assert min(received) < received[0] - HOUR_US / 2


async def test_start_that_cannot_succeed() -> None:
    """A start that cannot succeed ends the poller with the one error that says why."""
    settings = PollerSettings(
        bus_url="memory://", symbols=parse_symbols("BTCUSDT"), feed="replay", replay_path=RECORDING
    )
    with pytest.raises(PollerError, match=r"^SYMBOLS names nothing"):
        await Poller(settings, MemoryBus()).run(asyncio.Event())


async def test_symbols_that_change_while_running(valkey: Valkey) -> None:
    """An added symbol has prices and a state, a removed one has neither, and the others continue."""
    settings = simulating(valkey.url)
    async with listening(valkey.url, "BTCUSDT", "ETHUSDT", "SOLUSDT") as receiver, polling(settings) as poller:
        await until(lambda: {"BTCUSDT", "ETHUSDT"} == {its.symbol for its in ticks(receiver)})
        poller.serve(["BTCUSDT", "SOLUSDT"])
        await until(lambda: [its.symbol for its in ticks(receiver)].count("SOLUSDT") > 3)
        count = len(ticks(receiver))
        await until(lambda: len(ticks(receiver)) > count + 20)
        assert {"BTCUSDT", "SOLUSDT"} == {its.symbol for its in ticks(receiver)[count:]}
        states = decode_states(valkey.command("GET", "states"))
        assert ["BTCUSDT", "SOLUSDT"] == sorted(states.live)
    for symbol in ("BTCUSDT", "SOLUSDT"):
        seqs = [its.seq for its in ticks(receiver) if its.symbol == symbol]
        assert list(range(seqs[0], seqs[0] + len(seqs))) == seqs


async def test_states_are_reported_on_the_bus(valkey: Valkey) -> None:
    """The full set is in the store with the first heartbeat; a symbol that the recording lacks is unknown."""
    symbols = parse_symbols("NKNUSDT,BTCUSDT")
    settings = PollerSettings(bus_url=valkey.url, symbols=symbols, feed="replay", replay_path=RECORDING)
    async with listening(valkey.url, *symbols) as receiver, polling(settings):
        await until(lambda: any(its.symbol == "BTCUSDT" for its in ticks(receiver)))
        await until(lambda: b"unknown" in (valkey.command("GET", "states") or b""))
        states = decode_states(valkey.command("GET", "states"))
    assert [("BTCUSDT", "unknown")] == [(its.symbol, its.state) for its in states.others]
    empty = next(its for its in ticks(receiver) if its.symbol == "BTCUSDT")
    assert (UNSET, UNSET, UNSET) == (empty.bid, empty.ask, empty.last)


async def test_metrics_are_served() -> None:
    """With a port for metrics, the numbers of every part are there."""
    port = free_port()
    async with polling(simulating("memory://", poller_metrics_port=port)) as poller, ClientSession() as session:
        await until(lambda: poller.publisher.published > 10)
        async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            values = values_of(await answer.read())
        async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
            assert 200 == answer.status
    assert 0 == values["tickgate_poller_updates_dropped_total", "repeated"]
    assert 1 == values["tickgate_poller_link_up", "simulated"]
    symbols = {labels[1] for labels in values if labels[0] == "tickgate_poller_symbol_live"}
    assert {"BTCUSDT"} <= symbols
    assert symbols >= {labels[1] for labels in values if labels[0] == "tickgate_poller_symbol_tick_age_seconds"} > set()


async def test_stop_while_binance_is_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop works at once, even while the poller still probes Binance."""
    asked = asyncio.Event()

    async def silent(*_: object, **__: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(opening, "look", silent)
    async with asyncio.timeout(1):
        async with polling(PollerSettings(bus_url="memory://", feed="auto")):
            await asked.wait()


async def test_auto_goes_over_to_the_exchange(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the exchange answers its prices follow, after none in between; every heartbeat names the source."""
    monkeypatch.setattr(opening, "Auto", partial(Auto, again_s=0.2))
    port = free_port()
    settings = PollerSettings(
        bus_url=valkey.url,
        symbols=parse_symbols("BTCUSDT,ETHUSDT"),
        feed="auto",
        rest_url=(f"http://127.0.0.1:{port}",),
        ws_url=(f"ws://127.0.0.1:{port}",),
        sim_ticks_per_s=200,
    )
    async with listening(valkey.url, "BTCUSDT", "ETHUSDT") as subscriber, polling(settings):
        await until(lambda: len(_ticks(subscriber)) > 20)
        async with Exchange(["BTCUSDT", "ETHUSDT"], port=port) as exchange:
            exchange.quote("BTCUSDT", bid="7.00000000", ask="8.00000000", last="7.50000000")
            # Of the other there is no price at all.
            exchange.quote("ETHUSDT", bid=None, bid_size=None, ask=None, ask_size=None, last=None, volume=None)
            await until(lambda: _ticks(subscriber, "BTCUSDT")[-1].bid == 700)
            await until(lambda: _heartbeats(subscriber)[-1].source == "binance-ws")
            for symbol in ("BTCUSDT", "ETHUSDT"):
                ticks = _ticks(subscriber, symbol)
                assert [its.seq for its in ticks] == sorted({its.seq for its in ticks})
                blank = next(number for number, its in enumerate(ticks) if its.bid is UNSET and its.last is UNSET)
                assert blank > 0
                assert all(its.bid in {UNSET, 700} for its in ticks[blank:])
            assert _ticks(subscriber, "ETHUSDT")[-1].bid is UNSET
    sources = [heartbeat.source for heartbeat in _heartbeats(subscriber)]
    assert ["simulated", "binance-ws"] == list(dict.fromkeys(sources))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (451, "HTTP 451: Not here"),
        (403, "HTTP 403: Not here"),
        (503, "HTTP 503: Not here"),
        (429, "HTTP 429, asked to"),
    ],
)
async def test_auto_does_not_simulate_where_the_exchange_refuses(valkey: Valkey, status: int, reason: str) -> None:
    """The feed is Binance's and down, with its reason; when that is over prices come."""
    async with Exchange(["BTCUSDT"]) as exchange:
        exchange.answer(status, b"<title>Not here</title>", retry_after_s=2 if status == 429 else None)
        settings = PollerSettings(
            bus_url=valkey.url,
            symbols=parse_symbols("BTCUSDT"),
            feed="auto",
            rest_url=(exchange.rest_url,),
            ws_url=(exchange.ws_url,),
        )
        async with listening(valkey.url, "BTCUSDT") as subscriber, polling(settings):
            await until(lambda: any(reason in heartbeat.reason for heartbeat in _heartbeats(subscriber)))
            assert ("binance-ws", "down") == ((heartbeat := _heartbeats(subscriber)[-1]).source, heartbeat.link)
            exchange.heal()
            await until(lambda: _ticks(subscriber), within_s=15)
        assert [] == exchange.violations
    assert {"binance-ws"} == {heartbeat.source for heartbeat in _heartbeats(subscriber)}


def _ticks(subscriber: RecordingReceiver, *symbols: str) -> list[Tick]:
    """The ticks of these symbols, or of all."""
    ticks = [decode_tick(payload) for name, payload in subscriber.received if name != "beat"]
    return [its for its in ticks if its.symbol in symbols or not symbols]


def _heartbeats(subscriber: RecordingReceiver) -> list[Heartbeat]:
    return [decode_heartbeat(payload) for name, payload in subscriber.received if name == "beat"]

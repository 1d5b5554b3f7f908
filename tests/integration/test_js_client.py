"""The client in JavaScript, in Node, against real gateways that fail in every way."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.launcher.stack import Stack
from gateway.auth.settings import AuthSettings
from market.prices.tick import Tick
from tests.gateway.auth.tokens import SECRET
from tests.gateway.conftest import start_gateway
from tests.integration.faults import SYMBOLS, bus_port, tell, with_gateways
from tests.integration.haproxy_stats import until_state
from tests.integration.js_programs import Watching, watching
from tests.integration.recorder import Recorder
from tests.integration.stacks import cluster_plan, run_plan, running, ws_url
from tests.proxy import Proxy
from tests.waiting import until

pytestmark = pytest.mark.integration

TICKS_PER_S = 300
EVERY = {"conflate": False}
SILENT_POLLER_MS = 4000
"""The gateway's own limit is three seconds of silence, checked four times a second; the rest is slack."""


class Timed(Recorder):
    """Knows also when each tick was on the bus."""

    def __init__(self) -> None:
        super().__init__()
        self.at_ms: dict[tuple[str, int], float] = {}

    def record(self, tick: Tick) -> None:
        super().record(tick)
        self.at_ms[tick.symbol, tick.seq] = time.time() * 1000

    def had_newer(self, symbol: str, seq: int, before_ms: float) -> bool:
        """Whether a newer tick was on the bus by then."""
        published = self.published[symbol]
        newer = published[published.index(seq) + 1 :] if (symbol, seq) in self.at_ms else published
        return bool(newer) and self.at_ms[symbol, newer[0]] < before_ms


def assert_no_old_price(client: Watching, recorder: Timed) -> None:
    """Check that it called no price live of which the bus had had a newer one for three seconds."""
    for line in client.told("too_old"):
        assert not recorder.had_newer(line["symbol"], line["seq"], line["at_ms"] - 3000), line


async def assert_every_tick(client: Watching, recorder: Timed) -> None:
    """Check that it has what the bus has, once and in order, from its one snapshot on."""
    assert [] == client.told("gap")
    await recorder.catch_up()
    for symbol in SYMBOLS:
        seqs, published = client.seqs(symbol), recorder.published[symbol]
        first = published.index(seqs[0])
        expected = published[first : first + len(seqs)]
        assert expected == seqs, first_difference(client, symbol, expected, seqs)
        assert 1 == len(client.told("snapshot", symbol=symbol))


def first_difference(client: Watching, symbol: str, expected: list[int], seqs: list[int]) -> str:
    """What is wrong with the ticks of a symbol, and what the client said about its connection around it."""
    at = next(number for number, (wanted, had) in enumerate(zip(expected, seqs, strict=False)) if wanted != had)
    moment_ms = next(
        line["at_ms"] for line in client.lines if (line.get("symbol"), line.get("seq")) == (symbol, seqs[at])
    )
    near = [line for line in client.lines if abs(line["at_ms"] - moment_ms) < 3000 and line["what"] not in {"tick"}]
    lacking = sorted(set(expected) - set(seqs))
    return (
        f"{symbol} behind tick {at}: {seqs[at - 2 : at + 3]}, lacks {len(lacking)}: {lacking[:9]}; {moment_ms}: {near}"
    )


def is_live(client: Watching) -> bool:
    """Whether the last that it said of each symbol is that its price is current."""
    return all(client.states(symbol)[-1:] == ["live"] for symbol in SYMBOLS)


async def more(client: Watching, ticks: int = 30) -> None:
    """Wait for so many more ticks of each symbol."""
    marks = {symbol: len(client.seqs(symbol)) + ticks for symbol in SYMBOLS}
    await client.until(lambda client: all(len(client.seqs(symbol)) >= mark for symbol, mark in marks.items()))


@asynccontextmanager
async def two_gateways(**settings: str) -> AsyncIterator[tuple[Stack, Proxy, Timed]]:
    """Gateways ``one`` and ``two``, and a proxy that leads to the first."""
    plan = with_gateways(run_plan(SIM_TICKS_PER_S=str(TICKS_PER_S), **settings), one={}, two={})
    ports = [gateway.listens[0].port for gateway in plan.gateways]
    recorder = Timed()
    async with running(plan) as stack, Proxy(ports[0]) as proxy, recorder.listening(bus_port(plan)):
        await until(lambda: len(recorder.published) == len(SYMBOLS))
        yield stack, proxy, recorder


async def clients_that_came_again(port: int) -> float:
    """Those that said so when they connected, by the metrics of a gateway."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())
    return next(family.samples[0].value for family in families if family.name == "tickgate_client_reconnects")


async def test_a_drain_and_a_kill_are_nothing_for_the_caller_to_do() -> None:
    """Prices stay live through a drain, go on after a kill; no old price is called live, and no tick is missed."""
    async with two_gateways(DRAIN_SECONDS="1") as (stack, proxy, recorder):
        one, two = (gateway.listens[0].port for gateway in stack.plan.gateways)
        url = f"ws://{proxy.address}/ws"
        async with (
            watching(url, *SYMBOLS, options=EVERY, each=True) as every,
            watching(url, "*", options={"batch": True}, each=True) as newest,
        ):
            clients = (every, newest)
            for client in clients:
                await client.until(is_live)
                await more(client)
            proxy.lead_to(two)
            assert 0 == await stack.stop_one("one")
            for client in clients:
                await more(client)
                assert ["stale", "live"] == client.states(SYMBOLS[0])
            assert await clients_that_came_again(two) >= len(clients)
            await stack.start_one("one")
            await stack.until_ready("one")
            proxy.lead_to(one)
            stack["two"].send_all(signal.SIGKILL)
            for client in clients:
                await client.until(lambda client: client.states(SYMBOLS[0]).count("stale") >= 2 and is_live(client))
                await more(client)
            for client in clients:
                summary = await client.end()
                assert summary["uncertainty_ms"] < 1000
                # Through restarts the oldest price that was called live; the promise is 3 s.
                tell(
                    "drain and kill -9, client in JavaScript",
                    oldest_live_price=summary["oldest_ms"] / 1000,
                    stale_for=client.longest_stale_s(SYMBOLS[0]),
                )
        await assert_every_tick(every, recorder)
        for client in clients:
            assert_no_old_price(client, recorder)


@pytest.mark.long("clients/js/src", "tests/integration/js", "gateway")
async def test_a_frozen_network_is_noticed_and_left() -> None:
    """What a silent gateway said last is called stale within 3 s; the client leaves it, and misses no tick."""
    async with two_gateways() as (stack, proxy, recorder):
        async with watching(f"ws://{proxy.address}/ws", *SYMBOLS, options=EVERY, each=True) as client:
            await client.until(is_live)
            await more(client)
            proxy.lead_to(stack.plan.gateways[1].listens[0].port)
            proxy.to_client.freeze()
            await client.until(lambda client: bool(client.told("connection", name="silent")))
            await client.until(lambda client: bool(client.told("connection", name="connecting")))
            await proxy.drop()
            proxy.to_client.heal()
            await client.until(is_live)
            await more(client)
            await client.end()
        await assert_every_tick(client, recorder)
        assert_no_old_price(client, recorder)


@pytest.mark.long("clients/js/src", "tests/integration/js", "gateway", "poller")
async def test_a_poller_that_stops_makes_prices_stale_and_one_that_goes_on_live() -> None:
    """The caller is told why, and the connection stays."""
    async with running(run_plan()) as stack, watching(ws_url(stack), *SYMBOLS, too_old_ms=SILENT_POLLER_MS) as client:
        await client.until(is_live)
        stack["poller"].send(signal.SIGSTOP)
        try:
            await client.until(lambda client: all(client.states(symbol)[-1] == "stale" for symbol in SYMBOLS))
        finally:
            stack["poller"].send(signal.SIGCONT)
        await client.until(is_live)
        assert all(line["reason"] for line in client.told("state", state="stale"))
        summary = await client.end()
        assert ["open", "closed"] == [line["name"] for line in client.told("connection")]
        assert [] == client.told("too_old")
        assert all(0 <= age_ms + summary["uncertainty_ms"] < 5000 for age_ms in summary["ages_ms"])


async def test_a_token_is_renewed_before_it_expires() -> None:
    """Short tokens follow each other on one connection; one that cannot be renewed ends the stream with the reason."""
    gateway = await start_gateway(auth=AuthSettings(mode="jwt", jwt_secret=SECRET, jwt_leeway_s=0))
    try:
        async with (
            watching(gateway.url, "BTC", secret=SECRET, ttl_s=3) as renewing,
            watching(gateway.url, "BTC", secret=SECRET, ttl_s=2, once=True) as single,
        ):
            await single.until(lambda client: bool(client.told("connection", name="closed", code=4401)))
            await renewing.until(lambda client: len(client.told("token")) >= 3)
            assert ["open"] == [line["name"] for line in renewing.told("connection")]
            assert "the token has expired" == single.told("connection")[-1]["reason"]
    finally:
        await gateway.close()


@pytest.mark.haproxy
@pytest.mark.long("clients/js/src", "tests/integration/js", "gateway", "haproxy.cfg")
async def test_a_rolling_restart_and_kills_of_a_cluster_miss_no_tick() -> None:
    """Each of four gateways is restarted, then two are killed: no tick is missed, and no old price is called live."""
    plan = replace(cluster_plan(SIM_TICKS_PER_S=str(TICKS_PER_S), DRAIN_SECONDS="4"), restart=False)
    recorder = Timed()
    async with running(plan) as stack, recorder.listening(bus_port(plan)):
        await until(lambda: len(recorder.published) == len(SYMBOLS))
        async with (
            watching(ws_url(stack), *SYMBOLS, options=EVERY, each=True) as first,
            watching(ws_url(stack), *SYMBOLS, options={**EVERY, "batch": True}, each=True) as second,
            watching(ws_url(stack), *SYMBOLS, each=True) as newest,
        ):
            clients = (first, second, newest)
            for client in clients:
                await client.until(is_live)
            for program in plan.gateways:
                assert 0 == await stack.stop_one(program.name)
                await stack.start_one(program.name)
                await stack.until_ready(program.name)
                await until_state(stack, program.name, "UP")
            for client in clients:
                await more(client)
                assert ["stale", "live"] == client.states(SYMBOLS[0])
            for program in plan.gateways[:2]:
                stack[program.name].send_all(signal.SIGKILL)
                await asyncio.sleep(2)
            for client in clients:
                await client.until(is_live)
                await more(client)
                summary = await client.end()
                tell(
                    "rolling restart and kill -9 of a cluster, client in JavaScript",
                    oldest_live_price=summary["oldest_ms"] / 1000,
                    stale_for=client.longest_stale_s(SYMBOLS[0]),
                )
        for client in (first, second):
            await assert_every_tick(client, recorder)
        for client in clients:
            assert_no_old_price(client, recorder)

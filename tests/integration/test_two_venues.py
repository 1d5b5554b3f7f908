"""Two venues on one bus: a poller of each, and what clients hear when one of them goes."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from signal import SIGHUP, SIGKILL

import pytest
from redis.asyncio import Redis

from deploy.launcher.programs import plan_run
from deploy.launcher.stack import Stack
from deploy.ports import free_port
from gateway.fanout.feed.venue_feed import NOT_SERVED
from tests.browser import open_page, running_browser
from tests.client import Client, connected
from tests.exchange.coinbase import CoinbaseExchange
from tests.exchange.server import Exchange
from tests.integration.faults import SILENT_POLLER, STALE_WITHIN_S
from tests.integration.stacks import cluster_plan, environment, run_plan, running, ws_url

pytestmark = pytest.mark.integration

BINANCE, COINBASE = "BTCUSDT", "coinbase:BTC-USD"
POLLERS = {"binance": "poller", "coinbase": "poller-coinbase"}
BACK_WITHIN_S = 30


def states(client: Client) -> dict[str, tuple[str, str]]:
    """What it was told last of each venue: live or stale, and the source."""
    return {its["venue"]: (its["feed"], its["source"]) for its in client.received("status")}


def bid(client: Client, symbol: str) -> Decimal | None:
    """The newest bid."""
    price = (client.prices[symbol] or [{}])[-1]
    return Decimal(price["bid"]).scaleb(-price["price_scale"]) if "bid" in price else None


def feed_is(venue: str, feed: str) -> Callable[[Client], bool]:
    """Whether a client was told so last."""
    return lambda client: states(client)[venue][0] == feed


def bids_are(number: int, *symbols: str) -> Callable[[Client], bool]:
    """Whether the newest bid of each of ``symbols`` has this integral part."""
    return lambda client: {int(bid(client, symbol) or 0) for symbol in symbols} == {number}


@asynccontextmanager
async def scene() -> AsyncIterator[tuple[Stack, Client, Exchange, CoinbaseExchange]]:
    """Two exchanges, two pollers that found them by themselves, a gateway, and a client with a symbol of each."""
    async with Exchange([BINANCE]) as binance, CoinbaseExchange(["BTC-USD"]) as coinbase:
        plan = run_plan(
            VENUES="binance,coinbase",
            FEED="auto",
            SYMBOLS=f"{BINANCE},{COINBASE}",
            BINANCE_REST_URL=binance.rest_url,
            BINANCE_WS_URL=binance.ws_url,
            COINBASE_REST_URL=coinbase.rest_url,
            COINBASE_WS_URL=coinbase.ws_url,
        )
        async with running(plan) as stack, connected(ws_url(stack)) as client:
            await client.subscribe("btc", "coinbase:btc")
            both = {"binance": ("live", "binance-ws"), "coinbase": ("live", "coinbase-ws")}
            await client.until(lambda client: states(client) == both, within_s=BACK_WITHIN_S)
            yield stack, client, binance, coinbase
        assert [] == binance.violations
        assert [] == coinbase.violations


async def test_each_venue_has_its_own_prices_and_its_own_poller() -> None:
    """Killed in turn, each makes its own symbols stale and no other's; restarted, it makes them live again."""
    async with scene() as (stack, client, binance, coinbase):

        async def move(price: int) -> None:
            binance.quote(BINANCE, bid=f"{price}.50000000", ask=f"{price}.60000000")
            coinbase.quote("BTC-USD", f"{price}.25", f"{price}.75", "0.12345678")

        await move(200)
        await client.until(
            lambda client: (bid(client, BINANCE), bid(client, COINBASE)) == (Decimal("200.5"), Decimal("200.25"))
        )
        size = client.prices[COINBASE][-1]
        assert ("0.12345678", COINBASE) == (f"{Decimal(size['bid_size']).scaleb(-size['size_scale'])}", size["symbol"])
        async with Redis.from_url(stack.plan.poller.env["BUS_URL"]) as bus:
            assert all([await bus.get("lease.poller"), await bus.get("lease.poller.coinbase")])
        for number, (venue, other, symbol) in enumerate(
            (("coinbase", "binance", BINANCE), ("binance", "coinbase", COINBASE)), start=300
        ):
            received = len(client.received("status"))
            killed_at = time.monotonic()
            stack[POLLERS[venue]].send(SIGKILL)
            await client.until(feed_is(venue, "stale"), STALE_WITHIN_S)
            print(f"poller of {venue} killed: stale after {time.monotonic() - killed_at:.1f} s")  # noqa: T201
            assert [(venue, "stale", SILENT_POLLER)] == [
                (its["venue"], its["feed"], its["reason"]) for its in client.received("status")[received:]
            ]
            await move(number)
            await client.until(bids_are(number, symbol))
            assert "live" == states(client)[other][0]
            await stack[POLLERS[venue]].ended()
            await stack.start_one(POLLERS[venue])
            await client.until(feed_is(venue, "live"), BACK_WITHIN_S)
            await client.until(bids_are(number, BINANCE, COINBASE))
        assert {} == client.states
        assert not client.closed


async def test_an_exchange_that_is_away_is_one_venue_s_matter() -> None:
    """Its poller says why; the other venue's prices stay live, and a symbol of each can be told apart by its name."""
    async with scene() as (_, client, binance, coinbase):
        await coinbase.refuse()
        coinbase.drop()
        await client.until(lambda client: states(client)["coinbase"][0] == "stale", BACK_WITHIN_S)
        assert "down" in client.received("status")[-1]["reason"]
        binance.quote(BINANCE, bid="400.00000000", ask="400.10000000")
        await client.until(lambda client: bid(client, BINANCE) == Decimal(400))
        await coinbase.accept()
        coinbase.quote("BTC-USD", "400.25", "400.75")
        await client.until(lambda client: states(client)["coinbase"][0] == "live", BACK_WITHIN_S)
        await client.until(lambda client: bid(client, COINBASE) == Decimal("400.25"))
        assert ["live"] == [its["feed"] for its in client.received("status") if its["venue"] == "binance"][-1:]


async def test_a_venue_without_symbols_left_has_a_last_status(tmp_path: Path) -> None:
    """Who holds its symbol then hears of that; who holds none hears the status, too; the other venue stays live."""
    settings = tmp_path / "settings"
    settings.write_text(f"SYMBOLS={BINANCE},{COINBASE}\n", encoding="utf-8")
    variables = environment(VENUES="binance,coinbase", TICKGATE_CONFIG=str(settings), GATEWAY_PORT=str(free_port()))
    # The file is to say it.
    del variables["SYMBOLS"]
    async with (
        running(plan_run(variables)) as stack,
        connected(ws_url(stack)) as holder,
        connected(ws_url(stack)) as other,
    ):
        await holder.subscribe("*")
        await other.subscribe(BINANCE)
        for client in (holder, other):
            await client.until(lambda client: states(client) == dict.fromkeys(POLLERS, ("live", "simulated")))
        settings.write_text(f"SYMBOLS={BINANCE}\n", encoding="utf-8")
        stack["gateway"].send(SIGHUP)
        await holder.until(lambda client: client.count("unsubscribed") == 1)
        ends = [
            message
            for message in holder.messages
            if message["type"] in ("symbol_status", "unsubscribed") or message.get("served") is False
        ]
        assert ["status", "symbol_status", "unsubscribed"] == [message["type"] for message in ends]
        assert ("coinbase", "stale", NOT_SERVED) == tuple(ends[0][key] for key in ("venue", "feed", "reason"))
        await other.until(lambda client: client.received("status")[-1].get("served") is False)
        assert 0 == other.count("unsubscribed")
        more = len(holder.prices[BINANCE]) + 20
        await holder.until(lambda client: len(client.prices[BINANCE]) >= more)
        assert ("live", "simulated") == states(holder)["binance"]
        async with connected(ws_url(stack)) as newcomer:
            await newcomer.subscribe("*")
            assert ["binance"] == list(states(newcomer))
        settings.write_text(f"SYMBOLS={BINANCE},{COINBASE}\n", encoding="utf-8")
        stack["gateway"].send(SIGHUP)
        for client in (holder, other):
            await client.until(feed_is("coinbase", "live"))
            assert "served" not in client.received("status")[-1]


@pytest.mark.haproxy
async def test_a_cluster_of_two_venues_shows_each_on_its_dashboard() -> None:
    """A poller of each, killed in turn: the page says whose prices may be old, until that poller is back."""
    # Started again by itself, a poller is back before anybody could call its prices stale.
    plan = replace(cluster_plan(VENUES="binance,coinbase", SYMBOLS=f"{BINANCE},{COINBASE}"), restart=False)
    said = "document.querySelector('#venues').innerText"
    both = "Binance simulated\\nCoinbase simulated"
    rows = "JSON.stringify(Array.from(document.querySelectorAll('#rows tr'), (row) => row.dataset.feed))"
    async with running(plan) as stack:
        with running_browser() as browser:
            async with open_page(browser) as page:
                await page.open(f"{stack.plan.url}/")
                await page.until("document.body.dataset.state === 'unreal'")
                await page.until(f"{said} === '{both}'")
                for number, venue in enumerate(("binance", "coinbase")):
                    stack[POLLERS[venue]].send(SIGKILL)
                    feeds = ["stale" if place == number else "live" for place in range(2)]
                    expected = json.dumps(feeds, separators=(",", ":"))
                    await page.until(f"document.body.dataset.state === 'partly' && {rows} === {expected!r}")
                    stale = both.replace(f"{venue.title()} simulated", f"{venue.title()} stale")
                    await page.until(f"{said} === '{stale}'")
                    await stack[POLLERS[venue]].ended()
                    await stack.start_one(POLLERS[venue])
                    await page.until("document.body.dataset.state === 'unreal'")

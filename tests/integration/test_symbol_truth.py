"""The truth of each symbol, from a local exchange all the way to a client: scales, missing sides, halts, listings."""

import asyncio
from decimal import Decimal

import pytest

from tests.client import Client, Message, connected
from tests.exchange.server import Exchange
from tests.integration.faults import now, tell, together
from tests.integration.quotes import (
    history,
    holder,
    moving,
    newest,
    number,
    plan_for,
    shows,
    state,
    turns,
    until_shown,
    until_state,
)
from tests.integration.stacks import running, ws_url

pytestmark = pytest.mark.integration

STEADY = ("BTCUSDT", "ETHUSDT")
"""They move all the time, and nothing is wrong with them."""
HALTS = {"BREAKUSDT": "BREAK", "HALTUSDT": "HALT", "CANCELUSDT": "CANCEL_ONLY"}
OTHERS = ("FINEUSDT", "COARSEUSDT", "SIZEUSDT", "BAREUSDT", "SIDEUSDT", "GONEUSDT", *HALTS)
UNLISTED = ("NEWUSDT", "NEVERUSDT")

LOOK_S = 60.0
"""From one look at what is not traded to the next; what is quoted again is looked at sooner."""
LATE_S = 10.0


@pytest.mark.parametrize(
    "comes_back", [False, pytest.param(True, marks=pytest.mark.long("poller", "gateway", "market", "deploy"))]
)
async def test_of_each_symbol_the_truth_is_reported(*, comes_back: bool) -> None:
    """Finer than the listing, one-sided, halted, delisted, unlisted: no tick is lost, and each tells its own state.

    Two symbols beside them never hear of any of it. That one ``comes_back`` to the listing is seen within a minute.
    """
    async with Exchange([*STEADY, *OTHERS]) as exchange:
        exchange.market.enlist("BAREUSDT", {"symbol": "BAREUSDT", "status": "TRADING", "filters": []})
        async with (
            running(plan_for(exchange, [*STEADY, *OTHERS, *UNLISTED])) as stack,
            moving(exchange, *STEADY),
            holder(url := ws_url(stack), *STEADY) as bystander,
        ):
            await together(
                _finer_prices(exchange, url),
                _coarser_prices(exchange, url),
                _finer_sizes(exchange, url),
                _without_filters(exchange, url),
                _sides(exchange, url),
                *(_halt(exchange, url, symbol) for symbol in HALTS),
                _delisted(exchange, url, comes_back=comes_back),
                _unlisted(exchange, url, comes_back=comes_back),
            )
            await bystander.until(lambda client: all(len(client.prices[symbol]) > 100 for symbol in STEADY))
            assert bystander.states == {}
        assert [] == exchange.violations


async def _finer_prices(exchange: Exchange, url: str) -> None:
    """The tick size goes from 0.01 to 0.001 while a poller runs."""
    async with holder(url, symbol := "FINEUSDT") as client:
        await until_shown(client, symbol, bid="100")
        assert 2 == newest(client, symbol)["price_scale"]
        exchange.market.set_filter(symbol, "PRICE_FILTER", tickSize="0.00100000")
        before = len(client.prices[symbol])
        bids = [f"100.{thousandths:03d}" for thousandths in range(1, 301)]
        for bid in bids:
            exchange.quote(symbol, bid=f"{bid}00000", ask="101.00000000")
            await asyncio.sleep(0.01)
        await until_shown(client, symbol, bid=bids[-1])
        assert bids == [f"{number(price, 'bid'):.3f}" for price in client.prices[symbol][before:]]
        # From now on it is the instrument's scale, and coarse quotes have it too.
        began = now()
        while newest(client, symbol)["price_scale"] != 3 or number(newest(client, symbol), "bid") != 200:
            exchange.quote(symbol, bid="201.00000000", ask="202.00000000")
            exchange.quote(symbol, bid="200.00000000", ask="202.00000000")
            await asyncio.sleep(0.1)
            assert now() - began < 2 * LATE_S
        assert "live" == state(client, symbol)
        assert "stale" not in history(client, symbol)


async def _coarser_prices(exchange: Exchange, url: str) -> None:
    """The tick size goes from 0.01 to 0.1, and older orders are as fine as before; and finer ones than ever."""
    async with holder(url, symbol := "COARSEUSDT") as client:
        exchange.market.set_filter(symbol, "PRICE_FILTER", tickSize="0.10000000")
        for bid, scale in (("100.25", 2), ("100.5", None), ("100.12345678", 8), ("100.75", 2)):
            exchange.quote(symbol, bid=bid, ask="101.00000000")
            await until_shown(client, symbol, bid=bid, ask="101")
            assert scale in (None, newest(client, symbol)["price_scale"])
        assert [] == history(client, symbol)


async def _finer_sizes(exchange: Exchange, url: str) -> None:
    """A size finer than the step, beside which the volume has no room: it is absent, and comes back."""
    async with holder(url, symbol := "SIZEUSDT") as client:
        exchange.quote(symbol, last="100.00000000", volume="9999999999.00000000")
        await until_shown(client, symbol, volume="9999999999", last="100")
        exchange.quote(symbol, bid_size="1.23456789", bid="100.01000000", ask="100.02000000")
        await until_shown(client, symbol, bid_size="1.23456789", bid="100.01", ask="100.02", volume=None, last="100")
        assert 8 == newest(client, symbol)["size_scale"]
        exchange.quote(symbol, bid_size="1.25000000")
        await until_shown(client, symbol, bid_size="1.25", bid="100.01", ask="100.02", volume="9999999999")
        # Beyond 2^53 - 1 at the coarsest scale there is.
        exchange.quote(symbol, volume="90071992547409930.00000000", last="100.03000000")
        await until_shown(client, symbol, bid="100.01", ask="100.02", bid_size="1.25", last="100.03", volume=None)
        assert [] == history(client, symbol)


async def _without_filters(exchange: Exchange, url: str) -> None:
    """It is listed without any rule for its prices: they are as fine as they come."""
    async with holder(url, symbol := "BAREUSDT") as client:
        for bid, size in (("0.00000123", "7"), ("64000.5", "0.00000001"), ("64001", "1.5")):
            exchange.quote(symbol, bid=bid, ask="65000.00000000", bid_size=size)
            await until_shown(client, symbol, bid=bid, bid_size=size, ask="65000")
        exchange.market.set_filter("COARSEUSDT", "LOT_SIZE", stepSize="0.00000000")
        assert [] == history(client, symbol)


async def _sides(exchange: Exchange, url: str) -> None:
    """A side that is zero, empty or not there is absent in the next tick, whichever it is, and comes back."""
    async with holder(url, symbol := "SIDEUSDT") as client:
        for update in (
            {"bid": "0.00000000", "bid_size": "0.00000000"},
            {"ask": "0.00000000", "ask_size": "0.00000000"},
            {"bid": ""},
            {"ask": None, "ask_size": None},
            {"bid": "0.00000000", "ask": "0.00000000"},
        ):
            exchange.quote(symbol, bid="100.00000000", bid_size="1.00000000", ask="101.00000000", ask_size="1.00000000")
            await until_shown(client, symbol, bid="100", ask="101", bid_size="1", ask_size="1")
            mark = len(client.prices[symbol])
            exchange.quote(symbol, **update)
            gone = {side for side in ("bid", "ask") if side in update}
            await until_shown(client, symbol, 20, **dict.fromkeys(gone))
            [tick] = client.prices[symbol][mark:]
            assert {"bid", "ask"} - gone == {"bid", "ask"} & tick.keys()
            assert {f"{side}_size" for side in {"bid", "ask"} - gone} == {"bid_size", "ask_size"} & tick.keys()
        exchange.quote(symbol, bid="100.00000000", bid_size="2.00000000", ask="101.00000000", ask_size="2.00000000")
        await until_shown(client, symbol, bid="100", ask="101", bid_size="2", ask_size="2")
        assert [] == history(client, symbol)


async def _halt(exchange: Exchange, url: str, symbol: str) -> None:
    """Its book empties, on both sides, one side or none after the other; the exchange says why when it is asked."""
    async with holder(url, symbol) as client:
        await until_shown(client, symbol, bid="100", ask="100.01")
        # A change of it at the very start would be looked into 10 s after it.
        exchange.market.set_status(symbol, HALTS[symbol])
        match symbol:
            case "BREAKUSDT":
                exchange.quote(symbol, bid="0.00000000", ask="0.00000000")
            case "HALTUSDT":
                exchange.quote(symbol, bid="99.00000000", ask=None)
            case _:
                exchange.quote(symbol, ask="0.00000000", ask_size="0.00000000")
        halted_s = await until_state(client, symbol, "halted", HALTS[symbol])
        assert shows(client, symbol, bid=None, ask=None)
        async with connected(url) as late:
            told = asyncio.create_task(_price_at_state(late, symbol, "halted"))
            await late.subscribe(symbol)
            assert "snapshot" == (await told)["type"]
            assert client.states[symbol] == late.states[symbol]
            assert ["snapshot"] == [price["type"] for price in late.prices[symbol]]
            assert shows(late, symbol, bid=None, ask=None)
        exchange.market.set_status(symbol, "TRADING")
        told = asyncio.create_task(_price_at_state(client, symbol, "live", LOOK_S + LATE_S))
        began = now()
        price = 200
        while state(client, symbol) != "live":
            price += 1
            exchange.quote(symbol, bid=f"{price}.00000000", ask="900.00000000")
            await asyncio.sleep(0.5)
            assert now() - began < LOOK_S + LATE_S
        back_s = now() - began
        # No word of its being live without a price of now.
        assert 200 < (number(await told, "bid") or 0)
        assert ["halted", "live"] == turns(client, symbol)
        tell(f"symbol halted ({HALTS[symbol]})", told_after=halted_s, back_after=back_s)


async def _price_at_state(client: Client, symbol: str, wanted: str, within_s: float = 10) -> Message:
    """Return the newest price that a client had when it received the state ``wanted`` of a symbol; empty if none.

    Nothing is checked before the next message comes.
    """
    seen: list[Message] = []

    def has_state(client: Client) -> bool:
        if not seen and symbol in client.states and state(client, symbol) == wanted:
            seen.append(newest(client, symbol))
        return bool(seen)

    await client.until(has_state, within_s)
    return seen[0]


async def _delisted(exchange: Exchange, url: str, *, comes_back: bool) -> None:
    """It is gone from the list, and the exchange refuses whoever names it; then it is listed again."""
    async with holder(url, symbol := "GONEUSDT") as client:
        await until_shown(client, symbol, bid="100")
        exchange.market.delist(symbol)
        gone_s = await until_state(client, symbol, "delisted", "does not list it any more", within_s=30)
        assert shows(client, symbol, bid=None, ask=None)
        assert ["delisted"] == turns(client, symbol)
        if not comes_back:
            return
        exchange.market.enlist(symbol)
        began = now()
        exchange.quote(symbol, bid="70.00000000", ask="71.00000000")
        price = await _price_at_state(client, symbol, "live", LOOK_S + LATE_S)
        assert (Decimal(70), Decimal(71)) == (number(price, "bid"), number(price, "ask"))
        assert ["delisted", "live"] == turns(client, symbol)
        tell("symbol delisted", told_after=gone_s, back_after=now() - began)


async def _unlisted(exchange: Exchange, url: str, *, comes_back: bool) -> None:
    """Two that the exchange does not list stopped nothing; one of them is listed later, and live."""
    async with holder(url, *UNLISTED) as client:
        for symbol in UNLISTED:
            await until_state(client, symbol, "unknown", "does not list it")
        assert all(shows(client, symbol, bid=None, ask=None, last=None, volume=None) for symbol in UNLISTED)
        if not comes_back:
            return
        exchange.market.enlist("NEWUSDT")
        began = now()
        price = await _price_at_state(client, "NEWUSDT", "live", LOOK_S + LATE_S)
        assert 100 == number(price, "bid")
        tell("unlisted symbol is listed", told_after="the start", back_after=now() - began)
        exchange.quote("NEWUSDT", bid="99.00000000")
        await until_shown(client, "NEWUSDT", bid="99")
        assert ["unknown", "live"] == turns(client, "NEWUSDT")
        assert ["unknown"] == history(client, "NEVERUSDT")

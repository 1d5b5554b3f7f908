"""A gateway as another one's exchange: our own poller reads Binance's streams and REST from it."""

import pytest

from deploy.launcher.stack import Stack
from tests.client import Message, connected
from tests.integration.faults import is_live
from tests.integration.stacks import run_plan, running

pytestmark = pytest.mark.integration

SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT"
NUMBERS = ("bid", "ask", "bid_size", "ask_size", "price_scale", "size_scale")
QUOTES = 30
"""Of each symbol, until they are compared."""
LIVE_WITHIN_S = 30.0
FIGURES = ("open", "high", "low", "last", "volume", "quote_volume")


def _ws(stack: Stack) -> str:
    return f"ws://{stack.plan.front}/ws"


def _by_number(ticks: list[Message]) -> dict[int, tuple[int, ...]]:
    """The quotes of a symbol, by the exchange's number."""
    return {tick["update_id"]: tuple(tick[name] for name in NUMBERS) for tick in ticks if "update_id" in tick}


async def test_prices_are_equal_to_the_integer_after_two_hops() -> None:
    """Each quote that the second gateway's clients get is one of the first's, and so are the figures of 24 hours."""
    # The poller's URLs have no path, so the first gateway has a name under which all paths are Binance's.
    async with running(run_plan(SYMBOLS=SYMBOLS, BINANCE_COMPAT_HOSTS="localhost")) as first:
        port = first.plan.front.port
        urls = {"BINANCE_REST_URL": f"http://localhost:{port}", "BINANCE_WS_URL": f"ws://localhost:{port}"}
        async with (
            running(run_plan(SYMBOLS=SYMBOLS, FEED="binance-ws", **urls)) as second,
            connected(_ws(first)) as source,
            connected(_ws(second)) as copy,
        ):
            for client in (source, copy):
                await client.subscribe("*", conflate=False)
                await client.send({"type": "subscribe", "channel": "stats", "symbols": ["*"]})
            await copy.until(is_live, within_s=LIVE_WITHIN_S)
            assert "binance-ws" == copy.status["source"]
            names = SYMBOLS.split(",")
            await copy.until(
                lambda client: (
                    all(len(_by_number(client.prices[name])) >= QUOTES for name in names)
                    and {one["symbol"] for one in client.received("stats")} == set(names)
                ),
                within_s=LIVE_WITHIN_S,
            )
            for name in names:
                theirs, ours = _by_number(source.prices[name]), _by_number(copy.prices[name])
                # The first quotes may be older than our connection to the first gateway.
                common = sorted(ours.keys() & theirs.keys())
                assert len(common) >= QUOTES - 2
                assert {number: theirs[number] for number in common} == {number: ours[number] for number in common}
            known = {(one["symbol"], one["ts_us"] // 1000): one for one in source.received("stats")}
            compared = 0
            for one in copy.received("stats"):
                its = known.get((one["symbol"], one["ts_us"] // 1000))
                if its is not None and "open" in one:
                    assert [its[name] for name in FIGURES] == [one[name] for name in FIGURES]
                    compared += 1
            assert compared

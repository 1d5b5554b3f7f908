"""The dashboard in a real Chromium, beside a gateway that says exactly what each test tells it to."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from msgspec import json

from gateway.http.pages import Pages
from market.wire.presence import AnyPresent
from tests.accessibility import axe, violations
from tests.browser import Page, open_page, running_browser
from tests.gateway.scripted import (
    BOUND_S,
    CLIENT,
    STATS,
    SUBSCRIBE,
    ScriptedGateway,
    cells,
    part,
    row,
    state,
    text,
    tick,
)
from tests.market.samples import gateway_present, poller_present

pytestmark = pytest.mark.integration

STATS_OF_24_H = {
    "type": "stats",
    "symbol": "AUSDT",
    "ts_us": 1,
    "open": "64000.00000000",
    "high": "66010.50000000",
    "low": "-0.50000000",
    "last": "65234.56000000",
    "volume": "1234.56789000",
    "quote_volume": "80123456.70000000",
    "change": "1234.56000000",
    "change_percent": "1.929",
    "trades": 1234567,
}


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    """Run a gateway that says what the test tells it to."""
    async with ScriptedGateway().running() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def browser() -> Iterator[str]:
    """Run a browser for all tests of this file."""
    with running_browser() as address:
        yield address


@pytest.fixture
async def page(browser: str, gateway: ScriptedGateway) -> AsyncIterator[Page]:
    """Open a page, which must not complain: of errors, or of what its policy forbids. ``gateway`` outlives it."""
    async with open_page(browser) as opened:
        await opened.look()
        yield opened
        assert [] == opened.complaints


async def test_every_figure_is_shown_exactly(page: Page, gateway: ScriptedGateway) -> None:
    """A price and a size are shown digit for digit, from 2^53 - 1 down to fifteen decimals."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("BTCUSDT", "BIG", "SMALL", "WHOLE")
    largest = 2**53 - 1
    await client.say(**tick("BTCUSDT"))
    await client.say(**tick("BIG", bid=largest - 1, ask=largest, last=largest, volume=largest, bid_size=largest))
    await client.say(**tick("SMALL", bid=1, ask=10, last=0, price_scale=15, size_scale=0))
    await client.say(**tick("WHOLE", bid=999, ask=1000, last=1234567, price_scale=0, volume=5))
    await page.until(f"({row('WHOLE')}).bid === '999'")
    columns = ("bid", "bid2", "ask", "ask2", "spread", "last", "volume")
    for symbol, figures in {
        "BTCUSDT": ["65,234.56", "1.50000", "65,234.57", "0.50000", "0.01", "65,234.56", "1,234.56789"],
        "BIG": [
            "90,071,992,547,409.90",
            "90,071,992,547.40991",
            "90,071,992,547,409.91",
            "0.50000",
            "0.01",
            "90,071,992,547,409.91",
            "90,071,992,547.40991",
        ],
        "SMALL": [
            "0.000000000000001",
            "150,000",
            "0.000000000000010",
            "50,000",
            "0.000000000000009",
            "0.000000000000000",
            "123,456,789",
        ],
        "WHOLE": ["999", "1.50000", "1,000", "0.50000", "1", "1,234,567", "0.00005"],
    }.items():
        assert figures == await page.evaluate(cells(symbol, *columns))
    # However long, none is cut off.
    fits = "(span) => span.getBoundingClientRect().right <= span.closest('td').getBoundingClientRect().right + 1"
    assert await page.evaluate(f"[...document.querySelectorAll('#rows td span')].every({fits})")


async def test_what_the_exchange_did_not_give_is_a_dash(page: Page, gateway: ScriptedGateway) -> None:
    """A symbol without a tick, and a tick without a field, show a dash and no invented zero."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT")
    left_out = ("ask", "ask_size", "last", "volume")
    await client.say(**{key: value for key, value in tick("BUSDT").items() if key not in left_out})
    await page.until(f"({row('BUSDT')}).bid !== '–'")
    columns = (
        "bid",
        "bid2",
        "ask",
        "ask2",
        "spread",
        "spread2",
        "last",
        "change",
        "high",
        "high2",
        "volume",
        "volume2",
    )
    assert ["65,234.56", "1.50000", *["–"] * 10] == await page.evaluate(cells("BUSDT", *columns))
    assert ["–"] * 13 == await page.evaluate(cells("AUSDT", *columns, "age"))


async def test_figures_of_24_hours_come_as_the_exchange_wrote_them(page: Page, gateway: ScriptedGateway) -> None:
    """Change, high, low and value are digits of the exchange, grouped, and less zeros behind the price's decimals."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT")
    await client.say(type="subscribed", channel="stats", symbols=["AUSDT"], id="stats")
    await client.say(**tick("AUSDT"))
    await page.until(f"({row('AUSDT')}).bid !== '–'")
    await client.say(**STATS_OF_24_H)
    await page.until(f"({row('AUSDT')}).change === '+1.929 %'")
    assert ["66,010.50", "−0.50", "80.1 M"] == await page.evaluate(cells("AUSDT", "high", "high2", "volume2"))
    parts = ("change", "open", "high", "low", "value", "trades")
    await page.until(f"{part('trades')} === '1,234,567'")
    shown = [await page.evaluate(part(name)) for name in parts]
    assert ["+1,234.56 (+1.929 %)", "64,000.00", "66,010.50", "−0.50", "80,123,456.7", "1,234,567"] == shown
    await client.say(**STATS_OF_24_H | {"change_percent": "-0.100"})
    await page.until(f"({row('AUSDT')}).change === '−0.100 %'")
    # The subscription to prices is not touched by the other channel's answer.
    assert 2 == await page.evaluate("document.querySelectorAll('#rows tr').length")


async def test_a_gateway_without_figures_of_24_hours_is_no_fault(page: Page, gateway: ScriptedGateway) -> None:
    """An older gateway refuses the channel; the page says nothing of it, and shows dashes and everything else."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await client.say(type="error", code="bad_message", message="Invalid enum value 'stats'", id="stats")
    await client.say(**tick("AUSDT"))
    await page.until(f"({row('AUSDT')}).bid !== '–'")
    assert ["–", "–", "–"] == await page.evaluate(cells("AUSDT", "change", "high", "high2"))
    assert "" == await page.evaluate(text("notice-text"))


async def test_a_side_that_goes_away_is_a_dash_and_no_move(page: Page, gateway: ScriptedGateway) -> None:
    """A price that is there no more is not shown as the old one, and neither its going nor its return is a rise."""
    moves = "['bid', 'ask'].map((key) => document.querySelector(`#rows [data-key=${key}]`).dataset.move ?? null)"
    await page.look(reduced_motion=True)
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await client.say(**tick("AUSDT", seq=1, bid=100, ask=200))
    await page.until(f"({row('AUSDT')}).ask === '2.00'")
    await client.say(**tick("AUSDT", seq=2, bid=101, ask=201))
    await page.until(f"({row('AUSDT')}).ask === '2.01'")
    await client.say(**{key: value for key, value in tick("AUSDT", seq=3, bid=101).items() if key != "ask"})
    await page.until(f"({row('AUSDT')}).ask === '–'")
    assert ["1.01", "–"] == await page.evaluate(cells("AUSDT", "bid", "spread"))
    assert ["up", None] == await page.evaluate(moves)
    await client.say(**tick("AUSDT", seq=4, bid=101, ask=300))
    await page.until(f"({row('AUSDT')}).ask === '3.00'")
    assert ["up", None] == await page.evaluate(moves)


async def test_prices_of_different_scales_are_compared_by_value(page: Page, gateway: ScriptedGateway) -> None:
    """The same price with more digits is no move; a lower one with more digits is a fall."""
    move = "document.querySelector('#rows [data-key=bid]').dataset.move ?? null"
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await client.say(**tick("AUSDT", seq=1, bid=100, price_scale=2))
    await page.until(f"({row('AUSDT')}).bid === '1.00'")
    await client.say(**tick("AUSDT", seq=2, bid=1000, price_scale=3))
    await page.until(f"({row('AUSDT')}).bid === '1.000'")
    assert await page.evaluate(move) is None
    await client.say(**tick("AUSDT", seq=3, bid=9999, price_scale=4))
    await page.until(f"({row('AUSDT')}).bid === '0.9999'")
    assert "down" == await page.evaluate(move)


async def test_a_symbol_that_is_not_live_says_so_and_why(page: Page, gateway: ScriptedGateway) -> None:
    """Each in its row in words, beside live ones that stay as they are; counted in the head; and taken back."""
    now_us = time.time_ns() // 1000
    told = {
        "BUSDT": ("Stale", "ask below bid for 3 s", now_us - 60_000_000),
        "CUSDT": ("Halted", "BREAK", now_us - 3_600_000_000),
        "DUSDT": ("Delisted", "<b>gone</b>", now_us - 200_000 * 1_000_000),
    }

    def colour(symbol: str) -> str:
        return f"getComputedStyle(document.querySelector('tr[data-symbol={symbol}] [data-key=bid] .figure')).color"

    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", *told)
    for symbol in ("AUSDT", *told):
        await client.say(**tick(symbol, recv_us=now_us))
    for symbol, (label, reason, since_us) in told.items():
        await client.say(type="symbol_status", symbol=symbol, state=label.lower(), reason=reason, since_us=since_us)
    await page.until(f"{text('not-live')} === '3'")
    await page.until(f"({row('AUSDT')}).bid === '65,234.56'")
    assert ["Binance", "Live"] == await page.evaluate(cells("AUSDT", "said", "age2"))
    live = await page.evaluate(colour("AUSDT"))
    for symbol, (label, reason, since_us) in told.items():
        said, short, bid = await page.evaluate(cells(symbol, "said", "age2", "bid"))
        since = await page.evaluate(f"new Date({since_us / 1000}).toTimeString().slice(0, 8)")
        assert label == short
        assert said.startswith(f"{label}: {reason}, since ")
        assert said.endswith(since)
        assert "65,234.56" == bid
        assert live != await page.evaluate(colour(symbol))
    # Ages go on.
    ages = "[...document.querySelectorAll('#rows [data-key=age] .figure')].map((one) => parseFloat(one.textContent))"
    await page.until(f"{ages}.every((age) => age > 0)")
    assert await page.evaluate(state("live"))
    # What is announced and what is read aloud says it too, not the colour alone.
    tree = await page.call("Accessibility.getFullAXTree")
    heads = [node["name"]["value"] for node in tree["nodes"] if node["role"]["value"] == "rowheader"]
    assert "AUSDT Binance" == heads[0]
    assert all(label in head for head, (label, _, _) in zip(heads[1:], told.values(), strict=True))

    await client.say(type="symbol_status", symbol="BUSDT", state="live", reason="", since_us=now_us)
    await page.until(f"{text('not-live')} === '2'")
    assert ["Binance", "Live"] == await page.evaluate(cells("BUSDT", "said", "age2"))
    assert live == await page.evaluate(colour("BUSDT"))
    # A new connection tells anew; what it does not tell is live.
    await client.close(1012)
    client = await gateway.accept()
    await client.serve("AUSDT", *told)
    await client.say(type="symbol_status", symbol="DUSDT", state="delisted", reason="", since_us=now_us)
    await page.until(f"{text('not-live')} === '1'")
    states = [(await page.evaluate(cells(symbol, "age2")))[0] for symbol in ("AUSDT", *told)]
    assert ["Live", "Live", "Live", "Delisted"] == states


async def test_a_tick_is_shown_once_and_a_lower_number_is_a_new_numbering(page: Page, gateway: ScriptedGateway) -> None:
    """A tick whose seq is the one shown is ignored; a gateway sends a lower one only where a symbol begins anew."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT")
    await client.say(**tick("AUSDT", seq=9, bid=900))
    await client.say(**tick("AUSDT", seq=9, bid=700))
    await client.say(**(tick("AUSDT", bid=600) | {"seq": "10"}))
    await client.say(**tick("BUSDT"))
    await page.until(f"({row('BUSDT')}).bid !== '–'")
    assert ["9.00"] == await page.evaluate(cells("AUSDT", "bid"))
    await client.say(**tick("AUSDT", seq=8, bid=800))
    await page.until(f"({row('AUSDT')}).bid === '8.00'")


async def test_a_batch_is_taken_as_its_ticks(page: Page, gateway: ScriptedGateway) -> None:
    """A `ticks` message updates every symbol in it."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT")
    await client.say(type="ticks", ticks=[tick("AUSDT", bid=111), tick("BUSDT", bid=222)])
    await page.until(f"({row('AUSDT')}).bid === '1.11' && ({row('BUSDT')}).bid === '2.22'")


async def test_markup_in_any_message_is_text(page: Page, gateway: ScriptedGateway) -> None:
    """Markup in a symbol, a reason, a source, or a name of client or gateway is shown as written, and never run."""
    evil = "<img src=x onerror=\"document.title='owned'\"><b>x</b>"
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.greet(feed="live", reason=evil, source=evil)
    await client.hold(evil)
    await client.say(type="welcome", client=evil, heartbeat_s=600, gateway=evil)
    assert [SUBSCRIBE, STATS] == [await client.hear(), await client.hear()]
    await client.say(type="status", feed="live", reason=evil, source=evil, since_us=1)
    await client.say(**tick(evil))
    await client.say(**STATS_OF_24_H | {"symbol": evil, "high": evil})
    await client.say(type="symbol_status", symbol=evil, state=evil, reason=evil, since_us=1)
    await page.evaluate("document.querySelector('#raw').click()")
    await client.say(type="error", code=evil, message=evil)
    await page.until(f"{text('notice-text')} === {evil!r}")
    await page.until("document.querySelector('pre').textContent.includes('onerror')")
    assert evil == await page.evaluate("document.querySelector('#rows tr').dataset.symbol")
    assert evil == await page.evaluate("document.querySelector('#rows button').textContent")
    assert f"Binance {evil}" == await page.evaluate("document.querySelector('#venues li').textContent")
    assert evil == await page.evaluate(text("gateway"))
    assert evil == await page.evaluate(part("symbol"))
    assert 2 == await page.evaluate("document.querySelectorAll('b').length")  # bid and ask in detail
    assert 1 == await page.evaluate("document.querySelectorAll('img').length")
    assert "tickgate" in await page.evaluate("document.title")


async def test_rubbish_does_not_stop_the_page(page: Page, gateway: ScriptedGateway) -> None:
    """Messages of no known kind are passed over, and the next tick is shown."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await client.say(type="from the future", symbols=None)
    await client.say(type="tick")
    await client.say(type="ticks", ticks=None)
    await client.say(type="stats")
    await client.say(**tick("AUSDT", seq=1, bid="6523456"))
    await client.socket.send_str("not JSON")
    await client.socket.send_str("null")
    await client.socket.send_str("[1]")
    await client.say(**tick("AUSDT", seq=2, bid=123))
    await page.until(f"({row('AUSDT')}).bid === '1.23'")


async def test_prices_that_are_not_real_are_never_called_live(page: Page, gateway: ScriptedGateway) -> None:
    """Simulated and recorded ones, and those of an unknown source, say so in the badge, the venue and a notice."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    for source, venue, badge, notice in (
        ("simulated", "Binance simulated", "Simulated", "Simulated prices: made up here, of no market"),
        ("replay", "Binance recording", "Replay", "A recording: these prices are not of now"),
        ("else", "Binance else", "Simulated", "prices of an unknown source, else"),
        ("binance-ws", "Binance stream", "Live", ""),
        ("binance-rest", "Binance REST", "Live", ""),
        ("coinbase-ws", "Binance stream", "Live", ""),
    ):
        await client.say(type="status", feed="live", reason="", source=source, since_us=1)
        # The venue first: two in turn may have one badge and one notice.
        await page.until(f"{text('venues')} === {venue!r}")
        assert [notice, badge] == [await page.evaluate(text(name)) for name in ("notice-text", "state")]
        assert await page.evaluate(state("live" if badge == "Live" else "unreal"))


async def test_stale_says_why_and_since_when_and_goes_away(page: Page, gateway: ScriptedGateway) -> None:
    """Stale shows the badge, the reason and the time; live takes them away."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await page.until(f"{state('live')} && {text('state')} === 'Live'")
    since_us = time.time_ns() // 1000 - 65_000_000
    await client.say(type="status", feed="stale", reason="no beat for 3 s", source="simulated", since_us=since_us)
    await page.until(f"{state('stale')} && {text('state')} === 'Stale'")
    said = await page.evaluate(text("notice-text"))
    assert said.startswith("Prices may be old: no beat for 3 s, since ")
    assert said.endswith(", 1 min ago")
    await client.say(type="status", feed="live", reason="", source="binance-ws", since_us=since_us)
    await page.until(f"{state('live')} && {text('notice-text')} === ''")


async def test_each_venue_has_its_state(page: Page, gateway: ScriptedGateway) -> None:
    """Where one of several is stale, its own prices lose their colours, and the words say whose may be old."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.greet(source="binance-ws", venue="binance")
    other = {
        "type": "status",
        "feed": "live",
        "reason": "",
        "source": "coinbase-ws",
        "since_us": 1,
        "venue": "coinbase",
    }
    await client.say(**other)
    await client.hold("AUSDT", "coinbase:A-USD", "B:CUSDT")
    await page.until(state("live"))
    venues = "[...document.querySelectorAll('#venues li')].map((one) => one.textContent).join()"
    await page.until(f"{venues} === 'Binance stream,Coinbase stream'")
    await client.say(**other | {"feed": "stale", "reason": "the poller is silent"})
    await page.until(f"{state('partly')} && {text('state')} === 'Partly stale'")
    assert "Prices of Coinbase may be old: the poller is silent" == await page.evaluate(text("notice-text"))
    assert "Binance stream,Coinbase stale" == await page.evaluate(venues)
    rows = "Array.from(document.querySelectorAll('#rows tr'), (row) => row.dataset.feed)"
    assert ["live", "stale", "live"] == await page.evaluate(rows)
    assert "1" == await page.evaluate(text("not-live"))
    await client.say(type="status", feed="stale", reason="banned", source="binance-ws", since_us=1, venue="binance")
    await page.until(state("stale"))
    assert ["stale"] * 3 == await page.evaluate(rows)
    both = "Prices of Binance may be old: banned; Prices of Coinbase may be old: the poller is silent"
    assert both == await page.evaluate(text("notice-text"))
    await client.say(**other)
    await page.until(state("partly"))
    await client.say(type="status", feed="live", reason="", source="binance-ws", since_us=1, venue="binance")
    await page.until(state("live"))
    assert "" == await page.evaluate(text("notice-text"))
    assert ["live"] * 3 == await page.evaluate(rows)
    # One that is made up beside one that is real.
    await client.say(**other | {"source": "simulated"})
    await page.until(f"{state('unreal')} && {text('state')} === 'Partly unreal'")
    assert (await page.evaluate(text("notice-text"))).startswith("Coinbase: Simulated prices")


async def test_a_venue_that_is_not_served_any_more_is_dropped(page: Page, gateway: ScriptedGateway) -> None:
    """The page names it no more, and what befalls another venue does not touch its prices; served again, it is back."""
    await page.open(gateway.url)
    client = await gateway.accept()
    ours: dict[str, Any] = {"type": "status", "feed": "live", "reason": "", "since_us": 1}
    binance, coinbase = ({**ours, "source": f"{venue}-ws", "venue": venue} for venue in ("binance", "coinbase"))
    await client.greet(**binance)
    await client.say(**coinbase)
    await client.hold("AUSDT", "coinbase:A-USD")
    venues = "[...document.querySelectorAll('#venues li')].map((one) => one.textContent).join()"
    await page.until(f"{venues} === 'Binance stream,Coinbase stream'")
    why = "this gateway does not serve it any more"
    await client.say(**coinbase | {"feed": "stale", "reason": why, "served": False})
    told = {"type": "symbol_status", "symbol": "coinbase:A-USD", "state": "unknown", "reason": why, "since_us": 1}
    await client.say(**told)
    await client.say(type="unsubscribed", symbols=["coinbase:A-USD"])
    await page.until(f"{venues} === 'Binance stream' && {state('live')}")
    assert "" == await page.evaluate(text("notice-text"))
    of_row = "(row) => `${row.dataset.feed} ${row.dataset.state}`"
    rows = f"Array.from(document.querySelectorAll('#rows tr'), {of_row}).join()"
    await page.until(f"{rows} === 'live live,live unknown'")
    await client.say(**binance | {"feed": "stale", "reason": "banned"})
    await page.until(f"{state('stale')} && {rows} === 'stale live,live unknown'")
    await client.say(**binance)
    await client.say(**coinbase)
    await page.until(f"{venues} === 'Binance stream,Coinbase stream'")


async def test_a_lost_connection_is_made_again(page: Page, gateway: ScriptedGateway) -> None:
    """After an unclean end the page says so, keeps its figures, connects, subscribes and shows newer ones."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await client.say(**tick("AUSDT", seq=5, bid=500))
    await page.until(f"({row('AUSDT')}).bid === '5.00'")
    await client.close(1011)
    again = await gateway.accept()
    await page.until(state("reconnecting"))
    assert "Prices below may be old" in await page.evaluate(text("notice-detail"))
    assert ["5.00", "Stale"] == await page.evaluate(cells("AUSDT", "bid", "age2"))
    await page.until(f"{part('state')} === 'Stale'")
    await again.serve("AUSDT")
    await again.say(**tick("AUSDT", seq=6, bid=600, type="snapshot"))
    await page.until(f"{state('live')} && ({row('AUSDT')}).bid === '6.00' && ({row('AUSDT')}).age2 === 'Live'")
    await page.until(f"{part('state')} === 'Live'")
    await again.say(type="status", feed="stale", reason="banned", source="binance-ws", since_us=1)
    await page.until(f"{part('state')} === 'Stale'")


async def test_a_shutdown_names_the_wait(page: Page, gateway: ScriptedGateway) -> None:
    """After `shutdown` and 1012 the page waits as long as the gateway said, not as its own backoff says."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await client.say(type="shutdown", reconnect_after_ms=1500)
    await client.close(1012)
    await page.until(f"{state('reconnecting')} && /restarting/.test({text('notice-text')})")
    again = await gateway.accept()
    # Without being told when, it would be back within half a second.
    assert loop.time() - began > 1.4
    await again.serve("AUSDT")
    await page.until(state("live"))


async def test_a_refusal_is_not_retried_blindly(page: Page, gateway: ScriptedGateway) -> None:
    """4403 stops the page, which says why and connects only when told to."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.close(4403)
    await page.until(state("ended"))
    assert "not allowed" in await page.evaluate(text("notice-text"))
    # Longer than the first backoff could be: proves that no timer runs.
    await page.evaluate("new Promise((done) => setTimeout(done, 700))")
    assert gateway.idle
    await page.evaluate("document.querySelector('#retry').click()")
    again = await gateway.accept()
    await again.serve("AUSDT")
    await page.until(state("live"))


async def test_a_token_is_asked_for_and_brought_first(page: Page, gateway: ScriptedGateway) -> None:
    """Where a token is wanted the page asks for it, sends it before anything else, and asks again when it has ended."""
    await page.open(gateway.url)
    for wrong, secret in ((None, "one.two.three"), (4401, "four.five.six")):
        client = await gateway.accept()
        await client.say(type="welcome", client="1", heartbeat_s=600)
        if wrong is None:
            assert SUBSCRIBE == await client.hear()
            await client.say(type="error", code="unauthorised", message="the first message must be auth", id="all")
        else:
            assert {"type": "auth", "token": "one.two.three"} == await client.hear()
            await client.say(type="expiring", expires_us=time.time_ns() // 1000)
            await client.close(wrong)
        await page.until(f"{state('ended')} && !document.querySelector('#key').hidden")
        assert gateway.idle
        await page.evaluate(f"document.querySelector('#token').value = '{secret}'")
        await page.evaluate("document.querySelector('#key button').click()")
    client = await gateway.accept()
    await client.say(type="welcome", client="1", heartbeat_s=600)
    assert {"type": "auth", "token": "four.five.six"} == await client.hear()
    assert [SUBSCRIBE, STATS] == [await client.hear(), await client.hear()]
    await client.say(type="authenticated", subject="demo")
    await client.say(type="status", feed="live", reason="", source="binance-ws", since_us=1)
    await client.hold("AUSDT")
    await page.until(state("live"))
    assert await page.evaluate("document.querySelector('#key').hidden")
    assert "" == await page.evaluate("document.querySelector('#token').value")


async def test_a_silent_link_is_pinged_and_then_given_up(page: Page, gateway: ScriptedGateway) -> None:
    """Without an answer to its `ping`, or any other word, the page soon connects anew; with one it stays."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", heartbeat_s=4)
    assert {"type": "ping"} == await client.hear(pings=True)
    asked = time.monotonic()
    again = await gateway.accept()
    assert 0.5 < time.monotonic() - asked
    await again.serve("AUSDT", heartbeat_s=4)
    assert {"type": "ping"} == await again.hear(pings=True)
    await again.say(type="pong")
    assert {"type": "ping"} == await again.hear(pings=True)
    assert gateway.idle


async def test_age_starts_at_nought_whatever_the_clocks_say(page: Page, gateway: ScriptedGateway) -> None:
    """A gateway whose clock is an hour ahead or behind gives the same ages, whether or not it tells its time."""
    for ahead_us, tells in ((3_600_000_000, False), (-3_600_000_000, False), (3_600_000_000, True)):
        await page.open(gateway.url)
        client = await gateway.accept()
        await client.greet()
        await client.hold("AUSDT", "BUSDT")
        now_us = time.time_ns() // 1000 + ahead_us
        if tells:
            await client.say(type="welcome", client=CLIENT, heartbeat_s=600, server_us=now_us)
        await client.say(**tick("AUSDT", recv_us=now_us - 30_000_000))
        await client.say(**tick("BUSDT", recv_us=now_us))
        await page.until(f"({row('BUSDT')}).age !== '–'")
        ages = f"[{row('AUSDT')}, {row('BUSDT')}].map((figures) => parseFloat(figures.age))"
        older_s, newer_s = await page.evaluate(ages)
        assert 0 <= newer_s < BOUND_S
        assert 29 <= older_s - newer_s <= 31
        if tells:
            await page.until(f"{ages}[1] > {newer_s}")
        await page.until(f"({text('delay')} !== '–') === {'true' if tells else 'false'}")
        await client.close(4403)


async def test_a_price_that_is_late_by_the_gateways_clock_is_old(page: Page, gateway: ScriptedGateway) -> None:
    """Every tick comes a minute late: only the gateway's own time shows that, and the page goes by it."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.greet()
    await client.hold("AUSDT")
    await client.say(type="welcome", client=CLIENT, heartbeat_s=600, server_us=time.time_ns() // 1000 + 60_000_000)
    await client.say(**tick("AUSDT"))
    await page.until(f"({row('AUSDT')}).age === '1 min'")
    await page.until(f"/^(1 min|59 s)$/.test({text('delay')})")


async def test_its_own_link_is_measured_and_the_gateway_named(page: Page, gateway: ScriptedGateway) -> None:
    """Round trip, bytes and updates a second, which fall to nought when nothing comes; and which gateway it is."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    assert {"type": "ping"} == await client.hear(pings=True)
    await client.say(type="pong", server_us=time.time_ns() // 1000)
    await page.until(f"/^[0-9.]+ ms$/.test({text('trip')})")
    assert ["9a8b7c6d", "11111111"] == [await page.evaluate(text(name)) for name in ("gateway", "client")]
    for seq in range(1, 41):
        await client.say(**tick("AUSDT", seq=seq, bid=seq))
    await page.until(f"parseFloat({text('rate')}) > 5")
    began = time.monotonic()
    await page.until(f"{text('rate')} === '0' && {text('bytes')} === '0 B/s'")
    # In the second after the next one at the latest, and not as a rate that fades.
    assert time.monotonic() - began < 2.5


async def test_the_search_hides_what_does_not_match(page: Page, gateway: ScriptedGateway) -> None:
    """Typing leaves only the symbols that contain it, and says when there is none; / goes there."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("BTCUSDT", "ETHUSDT", "ETHBTC")
    await page.until("document.querySelectorAll('#rows tr').length === 3")
    await page.press("/")
    assert "filter" == await page.evaluate("document.activeElement.id")
    shown = "[...document.querySelectorAll('#rows tr:not([hidden])')].map((tr) => tr.dataset.symbol)"
    await page.type("eth")
    assert ["ETHUSDT", "ETHBTC"] == await page.evaluate(shown)
    assert "2 of 3" == await page.evaluate(text("symbols"))
    await page.type("x")
    assert [] == await page.evaluate(shown)
    assert "No symbol contains “ethx”" == await page.evaluate(text("empty"))


async def test_columns_put_the_table_in_order(page: Page, gateway: ScriptedGateway) -> None:
    """A head once, twice and a third time: one way, the other way, as the gateway has it; what is not known is last."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("BUSDT", "AUSDT", "CUSDT", "DUSDT")
    for symbol, bid, scale in (("AUSDT", 2, 0), ("BUSDT", 1000, 2), ("CUSDT", 30, 1)):
        await client.say(**tick(symbol, bid=bid, ask=bid + 1, price_scale=scale))
    await page.until(f"({row('CUSDT')}).bid !== '–'")
    order = "[...document.querySelectorAll('#rows tr')].map((tr) => tr.dataset.symbol[0]).join('')"
    heads = "[...document.querySelectorAll('#heads th')].map((th) => th.getAttribute('aria-sort')).filter(Boolean)"
    orders: dict[str, tuple[tuple[str, list[str]], ...]] = {
        "bid": (("BCAD", ["descending"]), ("ACBD", ["ascending"]), ("BACD", [])),
        "symbol": (("ABCD", ["ascending"]), ("DCBA", ["descending"]), ("BACD", [])),
    }
    for column, expected in orders.items():
        for letters, sort in expected:
            await page.evaluate(f"document.querySelector('#heads [data-key={column}] button').click()")
            assert (letters, sort) == (await page.evaluate(order), await page.evaluate(heads))


async def test_symbols_are_added_and_taken_away(page: Page, gateway: ScriptedGateway) -> None:
    """By a field with suggestions, and by a button or a key; the page remembers it, and can show all again."""
    rows = "[...document.querySelectorAll('#rows tr')].map((tr) => tr.dataset.symbol).join()"
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT", "CUSDT")
    await page.until(f"{rows} === 'AUSDT,BUSDT,CUSDT'")
    await page.evaluate("document.querySelector('tr[data-symbol=AUSDT] button').focus()")
    await page.press("Delete")
    assert {"type": "unsubscribe", "symbols": ["AUSDT"], "id": "remove"} == await client.hear()
    assert "stats" == (await client.hear())["channel"]
    assert "BUSDT,CUSDT" == await page.evaluate(rows)
    # The keyboard is where it was: on the next row.
    assert "BUSDT" == await page.evaluate("document.activeElement.textContent")
    await page.evaluate("document.querySelector('#remove').click()")
    assert ["BUSDT"] == (await client.hear())["symbols"]
    await client.hear()
    await page.evaluate("document.querySelector('#symbol').focus()")
    assert {"type": "symbols", "id": "names"} == await client.hear()
    await client.say(type="symbols", symbols=[{"symbol": "DUSDT"}, {"symbol": "EUSDT"}], id="names")
    await page.until("document.querySelectorAll('#known option').length === 2")
    await page.type("D EUSDT\r")
    assert {"type": "subscribe", "symbols": ["D", "EUSDT"], "batch": True, "id": "add"} == await client.hear()
    await client.hear()
    await client.hold("DUSDT", why="add")
    await client.say(type="error", code="unknown_symbol", message="no such symbol: EUSDT", id="add")
    await page.until(f"{rows} === 'CUSDT,DUSDT' && {text('notice-text')} === 'no such symbol: EUSDT'")
    assert "DUSDT" == await page.evaluate(part("symbol"))
    # It is remembered.
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.say(type="welcome", client="1", heartbeat_s=600)
    assert SUBSCRIBE | {"symbols": ["CUSDT", "DUSDT"]} == await client.hear()
    await client.hear()
    await client.hold("CUSDT", "DUSDT")
    await page.until("!document.querySelector('#all').hidden")
    await page.evaluate("document.querySelector('#all').click()")
    assert [SUBSCRIBE, STATS] == [await client.hear(), await client.hear()]
    assert await page.evaluate("document.querySelector('#all').hidden")


async def test_rate_and_batches_are_the_readers_choice(page: Page, gateway: ScriptedGateway) -> None:
    """A switch asks for the same symbols with other options, without snapshots, and is remembered."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT")
    await page.until("document.querySelectorAll('#rows tr').length === 2")
    changed = "element.dispatchEvent(new Event('change'))"
    await page.evaluate(f"{{const element = document.querySelector('#max-hz'); element.value = '2'; {changed}}}")
    wanted = {"type": "subscribe", "symbols": ["AUSDT", "BUSDT"], "id": "options", "snapshot": False}
    assert wanted | {"batch": True, "max_hz": 2} == await client.hear()
    await page.evaluate("document.querySelector('#batch').click()")
    assert wanted | {"max_hz": 2} == await client.hear()
    await client.hold("AUSDT", "BUSDT", why="options")
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.say(type="welcome", client="1", heartbeat_s=600)
    assert {"type": "subscribe", "symbols": ["*"], "max_hz": 2, "id": "all"} == await client.hear()


async def test_messages_can_be_read_as_they_come(page: Page, gateway: ScriptedGateway) -> None:
    """What is sent and received, the newest first, while the pane is open; and a token is in none of it."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await page.evaluate("document.querySelector('#raw').click()")
    await client.say(**tick("AUSDT", seq=7))
    await client.say(type="later")
    await page.until("document.querySelector('pre').textContent.startsWith('< {\"type\": \"later\"}')")
    lines = (await page.evaluate("document.querySelector('pre').textContent")).splitlines()
    assert '"seq": 7' in lines[1]
    await page.evaluate("document.querySelector('#batch').click()")
    await page.until("document.querySelector('pre').textContent.startsWith('> {\"type\":\"subscribe\"')")
    await page.evaluate("document.querySelector('#messages button').click()")
    await client.say(type="unseen")
    await client.say(**tick("AUSDT", seq=8, bid=800))
    await page.until(f"({row('AUSDT')}).bid === '8.00'")
    await page.evaluate("new Promise((done) => setTimeout(done, 600))")  # two of its rounds: it is paused
    assert "unseen" not in await page.evaluate("document.querySelector('pre').textContent")


async def test_one_symbol_is_shown_in_detail(page: Page, gateway: ScriptedGateway) -> None:
    """The one that is chosen by pointer, key or address; a price that is pointed at in its chart has its time."""
    await page.open(f"{gateway.url}#BUSDT")
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT", "CUSDT")
    await page.until(f"{part('symbol')} === 'BUSDT'")
    await client.say(**tick("BUSDT", seq=12))
    await page.until(f"{part('bid')} === '65,234.56' && {part('bid-size')} === '1.50000'")
    assert "12" == await page.evaluate(part("seq"))
    assert "75" == await page.evaluate("String(document.querySelector('meter').value)")
    await page.evaluate("document.querySelector('tr[data-symbol=AUSDT] td').click()")
    assert "AUSDT" == await page.evaluate(part("symbol"))
    assert "#AUSDT" == await page.evaluate("location.hash")
    await page.evaluate("document.querySelector('tr[data-symbol=BUSDT] button').focus()")
    await page.press("ArrowDown")
    assert "CUSDT" == await page.evaluate("document.activeElement.textContent")
    await page.press("Enter")
    assert "CUSDT" == await page.evaluate(part("symbol"))
    assert "true" == await page.evaluate("document.activeElement.getAttribute('aria-current')")
    # The chart is a picture of the last minutes: with prices it is another one than without.
    picture = "document.querySelector('[data-part=chart]').toDataURL()"
    empty = await page.evaluate(picture)
    await client.say(**tick("CUSDT"))
    await page.until(f"{picture} !== {empty!r}")
    assert "Chart of CUSDT" in await page.evaluate("document.querySelector('[data-part=chart]').ariaLabel")
    # Who is given it anew is told if it is not live.
    await client.say(type="symbol_status", symbol="CUSDT", state="halted", reason="BREAK", since_us=1)
    await page.until(f"{part('state')}.startsWith('Halted: BREAK')")
    await client.hold("AUSDT", "BUSDT", "CUSDT")
    await page.until(f"{part('state')} === 'Live'")


# What was drawn of a chart, on the canvas that is seen and the one behind it: how often, the ends and colour of its
# line, which is the thick one, the middle and text of the last label, and all texts before it with their heights. Time
# stands still unless a test moves it.
DRAWN = """
    window.drawn = { behind: { count: 0 }, front: { count: 0 } };
    const nameOf = ({ canvas }) => (canvas.isConnected ? "front" : "behind");
    const of = (one) => drawn[nameOf(one)];
    const made = CanvasRenderingContext2D.prototype;
    const before = (name, look) => {
        const method = made[name];
        made[name] = function (...given) { look(this, ...given); return method.apply(this, given); };
    };
    before("clearRect", (one) => {
        const { count } = of(one);
        drawn[nameOf(one)] = { count: count + 1, others: [] };
    });
    before("fillText", (one, text, x, y) => {
        if (of(one).label) of(one).text = text;
        else of(one).others.push([text, y]);
    });
    for (const name of ["moveTo", "lineTo"]) before(name, (one, x, y) => {
        if (one.lineWidth !== 2) return;
        of(one).start ??= [x, y];
        of(one).end = [x, y];
        of(one).colour = one.strokeStyle;
    });
    before("roundRect", (one, x, y, width, height) => { of(one).label = [x - 2, y + height / 2]; });
    window.now = 1_000_000;
    performance.now = () => window.now;
    Date.now = () => 1_700_000_000_000;
    const repeat = window.setInterval;
    const halves = [];
    window.again = () => { for (const task of halves) task(); }; // looks whether there is anything to draw
    window.setInterval = (task, ms) => {
        if (ms === 1000) window.second = task;
        else if (ms === 500) halves.push(task);
        else repeat(task, ms);
    };
"""
ENDS = "drawn.front.label.join() === drawn.front.end.join()"


async def test_a_chart_ends_with_the_newest_price_exactly(page: Page, gateway: ScriptedGateway) -> None:
    """Its label and the end of its line, before that second is over, and still when the price is current no more."""
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=DRAWN)
    await page.open(f"{gateway.url}#AUSDT")
    client = await gateway.accept()
    await client.serve("AUSDT")
    largest = 2**53 - 1
    for seq, fields, newest in (
        (1, {"bid": 6523456, "ask": 6523457}, "65,234.565"),
        (2, {"bid": 7000000, "ask": 7000001}, "70,000.005"),
        (3, {"bid": largest - 1, "ask": largest}, "90,071,992,547,409.905"),
        (4, {"bid": -3, "ask": 2}, "−0.005"),
    ):
        await client.say(**tick("AUSDT", seq=seq, **fields))
        await page.until(f"drawn.front.text === {newest!r}")
        assert await page.evaluate(ENDS)
        await page.evaluate("now += 1000, second()")
    # Both come before it is drawn again.
    await client.say(**tick("AUSDT", seq=5, bid=6523458, ask=6523458))
    await client.say(type="symbol_status", symbol="AUSDT", state="halted", reason="", since_us=1)
    await page.until("drawn.front.text === '65,234.580'")
    assert await page.evaluate(ENDS)


async def test_a_label_covers_no_price_of_the_scale(page: Page, gateway: ScriptedGateway) -> None:
    """A price of the scale is left out while the label is where it would be, and is there again afterwards."""
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=DRAWN)
    await page.open(f"{gateway.url}#AUSDT")
    client = await gateway.accept()
    await client.serve("AUSDT")
    scales = set()
    for seq, price in enumerate((10000, 20000, *range(10100, 20000, 300)), 1):
        if seq <= 3:
            await page.evaluate("now += 1000")
        await client.say(**tick("AUSDT", seq=seq, bid=price, ask=price))
        await page.until(f"drawn.front.text === '{price / 100:.3f}'")
        if seq <= 3:
            continue
        label, others = await page.evaluate("[drawn.front.label[1], drawn.front.others]")
        assert all(abs(at - label) >= 17 for _, at in others)
        scales.add(tuple(text for text, _ in others))
    whole = max(scales, key=len)
    assert len(whole) >= 3
    assert {whole, *(tuple(text for text in whole if text != left_out) for left_out in whole)} == scales
    assert await page.evaluate(f"drawn.behind.others.every(([text]) => !{list(whole)}.includes(text))")


async def test_a_price_draws_the_end_of_its_chart_alone(page: Page, gateway: ScriptedGateway) -> None:
    """All else is drawn when a second is over, a price needs another scale, or size, state or colours change."""
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=DRAWN)
    await page.open(f"{gateway.url}#AUSDT")
    client = await gateway.accept()
    await client.serve("AUSDT")
    seqs = itertools.count(1)

    async def counts() -> list[int]:
        return [await page.evaluate(f"drawn.{name}.count") for name in ("behind", "front")]

    async def say(price: int) -> None:
        """Say a price, and wait until it is the end, where the line behind goes on."""
        await client.say(**tick("AUSDT", seq=next(seqs), bid=price, ask=price))
        await page.until(f"drawn.front.text === '{price / 100:.3f}'")
        assert await page.evaluate(ENDS)

    for price in (10000, 20000, 15000):
        await page.evaluate("now += 1000")
        await say(price)
    assert await page.evaluate("drawn.behind.end.join() === drawn.front.start.join()")
    height = await page.evaluate("document.querySelector('canvas').clientHeight")
    behind, front = await counts()
    ends = set()
    for number, price in enumerate((10000, 17000, 20000, 15001), 1):
        await say(price)
        assert [behind, front + number] == await counts()
        ends.add(await page.evaluate("drawn.front.end[1]"))
    assert 4 == len(ends)

    # Nothing of an earlier end has been left there.
    picture = "document.querySelector('canvas').toDataURL()"
    part_by_part = await page.evaluate(picture)
    for width in (1100, 1280):
        await page.look(width=width)
        await page.until(f"document.body.clientWidth === {width}")
        await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert await page.evaluate(f"{picture} === {part_by_part!r}")
    behind, front = await counts()

    # Nothing is new: nothing is drawn.
    await page.evaluate("again()")
    assert [behind, front] == await counts()

    for change in ("now += 1000", ""):
        await page.evaluate(change)
        await say(15002 if change else 30000)  # the latter is above all before
        assert behind < (behind := (await counts())[0])
        assert await page.evaluate(f"0 < drawn.front.end[1] && drawn.front.end[1] < {height}")
        assert await page.evaluate("drawn.behind.end.join() === drawn.front.start.join()")
    colour = await page.evaluate("drawn.front.colour")
    await client.say(type="symbol_status", symbol="AUSDT", state="halted", reason="", since_us=1)
    await page.until(f"drawn.front.colour !== {colour!r} && drawn.behind.colour === drawn.front.colour")
    for dark in (False, True):  # first the width is another one
        old = (await counts())[0]
        await page.look(width=1100, dark=dark)
        await page.until(f"again(), drawn.behind.count > {old}")
        assert await page.evaluate(ENDS)


async def test_a_symbol_in_detail_is_drawn_when_its_row_is_out_of_sight(page: Page, gateway: ScriptedGateway) -> None:
    """Its figures and its chart follow each price, though the table shows other rows."""
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=DRAWN)
    await page.open(f"{gateway.url}#S99USDT")
    client = await gateway.accept()
    await client.serve(*[f"S{number}USDT" for number in range(100)])
    seen = "document.querySelector('tr[data-symbol={}]').classList.contains('seen')"
    await page.until(f"{seen.format('S0USDT')} && !{seen.format('S99USDT')}")
    for seq, price in ((1, 100), (2, 101)):
        await client.say(**tick("S99USDT", seq=seq, bid=price, ask=price))
        await page.until(f"{part('bid')} === '{price / 100:.2f}'")
        assert await page.evaluate(f"drawn.front.text === '{price / 100:.3f}' && {ENDS}")


async def test_on_a_phone_a_symbol_in_detail_covers_the_table_and_lets_go(page: Page, gateway: ScriptedGateway) -> None:
    """A tap opens it, and a button or Escape closes it, back where the reader was; nothing is wider than the screen."""
    await page.look(width=390, height=844)
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT", source="simulated")
    await client.say(**tick("BUSDT"))
    await page.until(f"({row('BUSDT')}).bid !== '–'")
    detail = "document.querySelector('#detail')"
    assert await page.evaluate(f"{detail}.hidden")
    await page.evaluate("document.querySelector('tr[data-symbol=BUSDT] button').click()")
    assert "close" == await page.evaluate("document.activeElement.id")
    assert 390 == await page.evaluate(f"{detail}.getBoundingClientRect().width")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.press("Escape")
    assert await page.evaluate(f"{detail}.hidden")
    assert "BUSDT" == await page.evaluate("document.activeElement.textContent")


async def test_a_flash_means_something(page: Page, gateway: ScriptedGateway) -> None:
    """In a market that moves all the time hardly a move flashes; one that is large for it, or a turn, does."""
    # The measure alone, by a clock of its own: a price that goes up and down by one thirty times a second.
    flashes = """(prices) => import('/web/prices/moves.js').then(({ Moves }) => {
        const moves = new Moves();
        return prices.map(([price, ms]) => moves.take(price, ms));
    })"""
    await page.call("Page.setBypassCSP", enabled=True)  # which forbids the page, and so a test, to load what it has not
    await page.open(gateway.url)
    busy = [[10_000 + number % 2, number * 33] for number in range(900)]
    found = await page.evaluate(f"({flashes})({busy})")
    assert 10 >= sum(move != "" for move in found)
    spike = [*busy, [10_200, 30_000], [10_200, 31_000], [10_000, 33_000]]
    assert ["up", "", "down"] == (await page.evaluate(f"({flashes})({spike})"))[-3:]
    # A quiet one, which moves every ten seconds: each move is news.
    quiet = [[100 + number, number * 10_000] for number in range(8)]
    assert ["", *["up"] * 7] == await page.evaluate(f"({flashes})({quiet})")


async def test_a_flash_fades_unless_motion_is_unwanted(page: Page, gateway: ScriptedGateway) -> None:
    """A price that rises is marked up, one that falls down; no animation where the reader wants none."""
    moves = "['bid', 'ask'].map((key) => document.querySelector(`#rows [data-key=${key}]`).dataset.move ?? null)"
    flashing = "document.getAnimations().filter((one) => one.animationName?.startsWith('flash')).length"
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT")
    for symbol in ("AUSDT", "BUSDT"):
        await client.say(**tick(symbol, seq=1, bid=100, ask=200))
    await page.until(f"({row('BUSDT')}).bid === '1.00'")
    assert [None, None] == await page.evaluate(moves)
    await client.say(**tick("AUSDT", seq=2, bid=101, ask=199))
    await page.until(f"({row('AUSDT')}).bid === '1.01'")
    assert ["up", "down"] == await page.evaluate(moves)
    assert 2 == await page.evaluate(flashing)
    await page.look(reduced_motion=True)
    await client.say(**tick("BUSDT", seq=2, bid=90, ask=210))
    await page.until(f"({row('BUSDT')}).bid === '0.90'")
    assert 0 == await page.evaluate(flashing)


async def test_a_flood_does_not_freeze_the_page(page: Page, gateway: ScriptedGateway) -> None:
    """While 20,000 ticks come the page goes on drawing, and it ends with the right figures, in sight or not."""
    symbols = [f"S{number}USDT" for number in range(100)]
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve(*symbols)
    await page.until(state("live"))
    await page.evaluate("""(() => {
        window.drawn = window.busiest = 0;
        const figure = () => parseInt(document.querySelector('#rate').textContent.replace(',', ''));
        const look = () => { window.drawn += 1; window.busiest = Math.max(window.busiest, figure());
                             requestAnimationFrame(look); };
        requestAnimationFrame(look);
    })()""")
    rounds = 200
    for seq in range(1, rounds + 1):
        for symbol in symbols:
            await client.say(**tick(symbol, seq=seq, bid=seq, ask=seq + 1))
        await asyncio.sleep(0.01)  # the pace of the flood, not a wait for anything
    bids = "[...document.querySelectorAll('#rows [data-key=bid] .figure')].map((one) => one.textContent)"
    await page.until(f"{bids}.every((bid) => bid === '2.00')")
    assert ["2.00"] * len(symbols) == await page.evaluate(bids)
    assert 10 < await page.evaluate("window.drawn")
    await page.until("window.busiest > 100")


async def test_rows_out_of_sight_are_written_a_few_in_a_frame(page: Page, gateway: ScriptedGateway) -> None:
    """When a second is over their newest prices are written, in so many frames that none of these is late."""
    symbols = [f"S{number}USDT" for number in range(100)]
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=DRAWN)
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve(*symbols)
    await page.until(
        "document.querySelector('tr.seen') && !document.querySelector('tr[data-symbol=S99USDT]').matches('.seen')"
    )
    await client.say(type="ticks", ticks=[tick(symbol, bid=200) for symbol in symbols])
    await page.until(f"({row('S0USDT')}).bid === '2.00'")
    assert "–" == (await page.evaluate(cells("S99USDT", "bid")))[0]
    counts = await page.evaluate("""new Promise((done) => {
        const unseen = document.querySelectorAll("#rows tr:not(.seen)").length;
        const [written, all, counts] = [new Set(), new Set(), []];
        new MutationObserver((records) => {
            for (const { target } of records) {
                const tr = target.parentElement.closest("tr");
                if (!tr.matches(".seen")) written.add(tr), all.add(tr);
            }
        }).observe(document.querySelector("#rows"), { characterData: true, subtree: true });
        const look = () => {
            counts.push(written.size);
            written.clear();
            if (all.size === unseen) done(counts); else requestAnimationFrame(look);
        };
        second();
        requestAnimationFrame(look);
    })""")
    assert 50 < sum(counts)
    assert 24 == max(counts)
    assert ["2.00"] == await page.evaluate(cells("S99USDT", "bid"))


SHIFTS = """(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
        const place = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join();
        window.places ??= [];
        for (const one of list.getEntries()) for (const { node, previousRect, currentRect } of one.sources)
            window.places.push(`${node?.nodeName} ${place(previousRect)} to ${place(currentRect)}`);
        const names = (one) => one.sources.map(({ node }) => node?.id || node?.className || node?.nodeName);
        for (const one of list.getEntries()) window.shifts.push([one.value, names(one)]);
    }).observe({ type: "layout-shift", buffered: true });
})()"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (920, 780)])
async def test_nothing_moves_while_the_page_comes(page: Page, width: int, height: int) -> None:
    """A browser draws it as soon as its head has come; what it shows then stays in its place until all is there."""
    whole = Pages().index.answer(make_mocked_request("GET", "/"))
    assert isinstance(whole.body, bytes)
    body = whole.body.index(b"<body")
    lines = whole.body[body:].splitlines(keepends=True)
    parts = [b"".join(lines[at : at + 3]) for at in range(0, len(lines), 3)]
    coming: asyncio.Queue[bytes] = asyncio.Queue()

    async def in_parts(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers=whole.headers)
        await answer.prepare(request)
        while part := await coming.get():
            await answer.write(part)
        return answer

    await page.look(width=width, height=height)
    async with ScriptedGateway(index=in_parts).running() as gateway:
        coming.put_nowait(whole.body[:body])
        await page.open(gateway.url)
        for number, part in enumerate(parts):
            coming.put_nowait(part + f"<!--{number}-->".encode())
            node = f"document.evaluate('//comment()[.=\"{number}\"]', document, null, 9).singleNodeValue"
            await page.until(f"{node} !== null")
            await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        coming.put_nowait(b"")
        client = await gateway.accept()
        await page.evaluate(SHIFTS)
        await client.serve("AUSDT")
        # In the table, and where there is room in detail, before its first price.
        await page.until(f"{row('AUSDT')} !== undefined")
        if width > 900:
            await page.until("document.querySelector('[data-part=chart]').dataset.symbol === 'AUSDT'")
        await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        await client.say(**tick("AUSDT"))
        await page.until(f"({row('AUSDT')}).bid !== '–'")
        await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        # A figure at the right edge of its place begins further left when it gets longer.
        names = {name for _, names in await page.evaluate("shifts") for name in names}
        assert {"#text"} >= names, await page.evaluate("places")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
async def test_nothing_moves_that_the_reader_did_not_move(
    page: Page, gateway: ScriptedGateway, width: int, height: int
) -> None:
    """From the first sight through prices, notices, stale, reconnecting and back the layout never shifts."""
    await page.look(width=width, height=height)
    await page.open(gateway.url)
    client = await gateway.accept()
    await page.evaluate(SHIFTS)
    await client.serve(*[f"S{number}USDT" for number in range(30)], "coinbase:BTC-USD")
    for number in range(30):
        await client.say(**tick(f"S{number}USDT", bid=12345600 + number * 10**number % 10**8))
    await page.until(f"({row('S29USDT')}).bid !== '–'")
    coinbase = {"type": "status", "source": "coinbase-ws", "venue": "coinbase", "since_us": 1}
    await client.say(**coinbase, feed="live", reason="")
    await client.say(**coinbase, feed="stale", reason="no message for 30 s " * 5)
    await client.say(type="symbol_status", symbol="S1USDT", state="halted", reason="BREAK", since_us=1)
    await page.until(state("partly"))
    await client.close(1011)
    client = await gateway.accept()
    await page.until(state("reconnecting"))
    await client.serve(*[f"S{number}USDT" for number in range(30)], "coinbase:BTC-USD", source="simulated")
    await page.until(state("unreal"))
    await page.evaluate("new Promise((done) => setTimeout(done, 1200))")  # a second's figures too
    shifts = await page.evaluate("window.shifts")
    # A figure at the right edge of its place begins further left when it gets longer: nothing else may move.
    assert {"#text"} >= {name for _, names in shifts for name in names}
    assert sum(value for value, _ in shifts) < 0.05
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


PROCESSES = """(() => {
    window.report = new Promise((first) => { window.tell = (its) => { first(its); window.report = its; }; });
    window.fetch = async () => new Response(JSON.stringify(await report));
})()"""
"""The operator's page asks for what the test says, and waits until there is something."""


@pytest.mark.parametrize("width", [390, 1600])
async def test_nothing_moves_on_the_operators_page_while_figures_and_states_change(
    page: Page, gateway: ScriptedGateway, width: int
) -> None:
    """From the first sight on, whatever the same processes say."""
    well: list[AnyPresent] = [
        poller_present(name="leads"),
        poller_present(name="waits", state="standing by", source=""),
        *(gateway_present(name=f"gate{number}", address=f"10.0.0.1:8{number}80") for number in range(4)),
    ]
    busy = {"clients": 54_321, "slow": 1_234, "ticks_in": 9_876_543.0, "ticks_out": 9_876_543.0, "cut_off": 98_765}
    problem = {"state": "draining", "stale": ["binance", "coinbase"], "cpu": 1.0, "buffered": 987_654_321}
    ill = busy | problem
    unwell: list[AnyPresent] = [
        poller_present(name="leads", state="bus down", link="down", reason="no message for 30 s " * 5, failures=54_321),
        poller_present(name="waits", state="leading", published=98_765.0, symbols=12_345, waiting=98_765),
        *(gateway_present(name=f"gate{number}", address=f"10.0.0.1:8{number}80", **ill) for number in range(3)),
    ]

    async def report(processes: Sequence[AnyPresent]) -> None:
        its = {"asked": "gate0", "problem": "", "now_us": 2, "processes": processes}
        await page.evaluate(f"tell({json.encode(its).decode()})")

    await page.look(width=width, height=844)
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=PROCESSES)
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=SHIFTS)
    await page.open(f"{gateway.url}ops")
    drawn = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
    await page.evaluate(drawn)
    await report(well)
    await page.until("document.body.dataset.state === 'live'")
    await report(unwell)
    await page.until("document.querySelectorAll('[data-health=gone]').length === 1")
    cut_off = "[...document.querySelectorAll('th, td')].filter((one) => one.scrollWidth > one.clientWidth)"
    # An exchange may have said anything.
    assert ["Exchange"] == await page.evaluate(f"{cut_off}.map((one) => one.dataset.label)")
    assert await page.evaluate(f"{cut_off}.every((one) => one.title === one.textContent)")
    await report(well)
    await page.until("document.body.dataset.state === 'live'")
    await page.evaluate(drawn)
    names = {name for _, names in await page.evaluate("shifts") for name in names}
    assert {"#text"} >= names, await page.evaluate("places")


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False)])
async def test_nothing_keeps_anybody_from_reading_it(
    page: Page, gateway: ScriptedGateway, width: int, dark: bool
) -> None:
    """Names, roles and contrasts of everything that it can show are right, by an independent check."""
    source = axe()
    await page.look(width=width, height=844, dark=dark, reduced_motion=True)
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT", "CUSDT", "DUSDT")
    for seq, bid in ((1, 6523456), (2, 6523457)):
        for symbol in ("AUSDT", "BUSDT", "CUSDT", "DUSDT"):
            await client.say(**tick(symbol, seq=seq, bid=bid))
    await client.say(**STATS_OF_24_H)
    for symbol, named in (("BUSDT", "stale"), ("CUSDT", "halted"), ("DUSDT", "delisted")):
        await client.say(type="symbol_status", symbol=symbol, state=named, reason="because", since_us=1)
    await page.until(f"{text('not-live')} === '3'")
    assert [] == await violations(page, source)
    await page.evaluate("document.querySelector('tr[data-symbol=BUSDT] button').click()")
    await page.evaluate("document.querySelector('#raw').click()")
    await client.say(type="status", feed="stale", reason="no beat", source="simulated", since_us=1)
    await page.until(state("stale"))
    assert [] == await violations(page, source)
    await client.close(4401)
    await page.until(state("ended"))
    assert [] == await violations(page, source)


@pytest.mark.parametrize("width", [360, 920])
async def test_two_venues_have_room_at_any_width(page: Page, gateway: ScriptedGateway, width: int) -> None:
    """Whatever is said of them nothing overflows, and no figure is cut off."""
    await page.look(width=width, height=780)
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.greet(venue="binance", feed="stale", reason="the poller is silent")
    await client.say(
        type="status", feed="stale", reason="the poller is silent", source="simulated", since_us=1, venue="coinbase"
    )
    symbols = ["BTCUSDT", "coinbase:BTC-USD", "coinbase:ETH-USD"]
    await client.hold(*symbols)
    for symbol in symbols:
        await client.say(**tick(symbol, volume=1428725920))
    why = "this gateway does not serve it any more"
    await client.say(type="symbol_status", symbol=symbols[2], state="unknown", reason=why, since_us=1)
    await page.until(f"({row('coinbase:BTC-USD')}).bid !== '–' && {state('stale')}")
    await page.until(f"{text('not-live')} === '3'")
    assert ["BTC-USD", "Coinbase"] == await page.evaluate(cells("coinbase:BTC-USD", "name", "said"))
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    inside = """(span) => {
        const [of, its] = [span.closest("td").getBoundingClientRect(), span.getBoundingClientRect()];
        return its.width === 0 || (its.left >= of.left - 1 && its.right <= of.right + 1);
    }"""
    assert await page.evaluate(f"[...document.querySelectorAll('#rows td span')].every({inside})")


async def test_the_table_is_one_to_assistive_technology_at_phone_width_too(
    page: Page, gateway: ScriptedGateway
) -> None:
    """Rows, row headers and column headers are in the accessibility tree, whatever the layout; nothing overflows."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("BTCUSDT", "1000SHIBUSDT")
    await client.say(**tick("BTCUSDT"))
    await client.say(**tick("1000SHIBUSDT", price_scale=8))
    await page.until(f"({row('1000SHIBUSDT')}).bid !== '–'")
    for width, columns in ((1280, 10), (1000, 8), (360, 8)):
        await page.look(width=width, height=780)
        tree = await page.call("Accessibility.getFullAXTree")
        roles = [node["role"]["value"] for node in tree["nodes"] if not node.get("ignored")]
        counts = tuple(roles.count(role) for role in ("table", "row", "columnheader", "rowheader"))
        assert (1, 3, columns, 2) == counts
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_it_works_below_a_path_of_a_proxy(page: Page) -> None:
    """A proxy may serve the page at any path: it finds its WebSocket beside itself."""
    async with ScriptedGateway("/prices/live").running() as gateway:
        await page.open(gateway.url)
        client = await gateway.accept()
        await client.serve("AUSDT")
        await page.until(state("live"))

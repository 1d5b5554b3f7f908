"""The dashboard in a real Chromium, beside a gateway that says exactly what each test tells it to."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from gateway.http import routes
from tests.browser import Page, open_page, running_browser

pytestmark = pytest.mark.integration

BOUND_S = 20.0


class Client:
    """The gateway's end of the dashboard's connection."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self.ended = asyncio.Event()

    async def say(self, **message: Any) -> None:
        await self._socket.send_json(message)

    async def hear(self) -> Any:
        async with asyncio.timeout(BOUND_S):
            return await self._socket.receive_json()

    async def close(self, code: int) -> None:
        await self._socket.close(code=code)
        self.ended.set()

    async def greet(self, *, heartbeat_s: float = 600.0, **status: Any) -> None:
        """Everything up to the page's subscribe."""
        await self.say(type="welcome", client="11111111-2222-4333-8444-555555555555", heartbeat_s=heartbeat_s)
        await self.say(
            **{"type": "status", "feed": "live", "reason": "", "source": "simulated", "since_us": 1} | status
        )
        assert {"type": "subscribe", "symbols": ["*"]} == await self.hear()

    async def serve(self, *symbols: str, **status: Any) -> None:
        """Greet, and give it these symbols."""
        await self.greet(**status)
        await self.say(type="subscribed", symbols=symbols)


class ScriptedGateway:
    """Serves the real pages with the real headers; its WebSocket says what the test tells it to."""

    def __init__(self) -> None:
        self._clients: asyncio.Queue[Client] = asyncio.Queue()
        self.url = ""

    async def accept(self) -> Client:
        """The next connection of the page."""
        async with asyncio.timeout(BOUND_S):
            return await self._clients.get()

    @property
    def idle(self) -> bool:
        """Whether nobody has connected since the last accept."""
        return self._clients.empty()

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client = Client(socket)
        self._clients.put_nowait(client)
        await client.ended.wait()
        return socket

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ScriptedGateway"]:
        app = web.Application()
        pages = [route for route in routes.routes() if getattr(route, "path", "") != "/ws"]
        app.add_routes([*pages, web.get("/ws", self._websocket)])
        app.on_response_prepare.append(routes.add_page_headers)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
            yield self
        finally:
            await runner.cleanup()


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
async def page(browser: str) -> AsyncIterator[Page]:
    """Open a page, which must not complain."""
    async with open_page(browser) as opened:
        await opened.look()
        yield opened
        assert [] == opened.complaints


def tick(symbol: str, seq: int = 1, **fields: Any) -> dict[str, Any]:
    """Make a tick as clients are sent it."""
    base = {"type": "tick", "symbol": symbol, "seq": seq, "bid": 6523456, "ask": 6523457, "last": 6523456}
    more = {"volume": 123456789, "price_scale": 2, "size_scale": 5, "recv_us": time.time_ns() // 1000}
    return base | more | fields


def row(symbol: str) -> str:
    """JavaScript for the texts of a symbol's row, its name first; null while there is none."""
    return f"""[...document.querySelectorAll("#rows tr")].map((tr) => [...tr.children].map((cell) => cell.textContent))
        .find((texts) => texts[0] === {symbol!r})"""


def state(name: str) -> str:
    """Write the condition that the dashboard is in this state."""
    return f'document.body.dataset.state === "{name}"'


async def test_every_figure_is_shown_exactly(page: Page, gateway: ScriptedGateway) -> None:
    """A price is shown digit for digit, from 2^53 - 1 down to fifteen decimals."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("BTCUSDT", "BIG", "SMALL", "WHOLE")
    largest = 2**53 - 1
    await client.say(**tick("BTCUSDT"))
    await client.say(**tick("BIG", bid=largest - 1, ask=largest, last=largest, volume=largest))
    await client.say(**tick("SMALL", bid=1, ask=10, last=0, price_scale=15, size_scale=0))
    await client.say(**tick("WHOLE", bid=999, ask=1000, last=1234567, price_scale=0, volume=5))
    await page.until(f"({row('WHOLE')})[1] === '999'")
    assert ["BTCUSDT", "65,234.56", "65,234.57", "0.01", "65,234.56", "1,234.56789"] == (
        await page.evaluate(row("BTCUSDT"))
    )[:6]
    assert [
        "BIG",
        "90,071,992,547,409.90",
        "90,071,992,547,409.91",
        "0.01",
        "90,071,992,547,409.91",
        "90,071,992,547.40991",
    ] == (await page.evaluate(row("BIG")))[:6]
    assert [
        "SMALL",
        "0.000000000000001",
        "0.000000000000010",
        "0.000000000000009",
        "0.000000000000000",
        "123,456,789",
    ] == (await page.evaluate(row("SMALL")))[:6]
    assert ["WHOLE", "999", "1,000", "1", "1,234,567", "0.00005"] == (await page.evaluate(row("WHOLE")))[:6]


async def test_what_the_exchange_did_not_give_is_a_dash(page: Page, gateway: ScriptedGateway) -> None:
    """A symbol without a tick, and a tick without a field, show a dash and no invented zero."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT")
    known = {key: value for key, value in tick("BUSDT").items() if key not in ("ask", "last", "volume")}
    await client.say(**known)
    await page.until(f"({row('BUSDT')})[1] !== '–'")
    assert ["BUSDT", "65,234.56", "–", "–", "–", "–"] == (await page.evaluate(row("BUSDT")))[:6]
    assert ["AUSDT", *["–"] * 7] == await page.evaluate(row("AUSDT"))


async def test_a_side_that_goes_away_is_a_dash_and_no_move(page: Page, gateway: ScriptedGateway) -> None:
    """A price that is there no more is not shown as the old one, and neither its going nor its return is a rise."""
    figures = "[...document.querySelectorAll('#rows tr:first-child td span')]"
    await page.look(reduced_motion=True)
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await client.say(**tick("AUSDT", seq=1, bid=100, ask=200))
    await page.until(f"({row('AUSDT')})[2] === '2.00'")
    await client.say(**tick("AUSDT", seq=2, bid=101, ask=201))
    await page.until(f"({row('AUSDT')})[2] === '2.01'")
    without_ask = {key: value for key, value in tick("AUSDT", seq=3, bid=101).items() if key != "ask"}
    await client.say(**without_ask)
    await page.until(f"({row('AUSDT')})[2] === '–'")
    assert ["AUSDT", "1.01", "–", "–"] == (await page.evaluate(row("AUSDT")))[:4]
    assert ["up", None] == await page.evaluate(f"{figures}.slice(0, 2).map((s) => s.dataset.move ?? null)")
    await client.say(**tick("AUSDT", seq=4, bid=101, ask=300))
    await page.until(f"({row('AUSDT')})[2] === '3.00'")
    assert ["up", None] == await page.evaluate(f"{figures}.slice(0, 2).map((s) => s.dataset.move ?? null)")


async def test_prices_of_different_scales_are_compared_by_value(page: Page, gateway: ScriptedGateway) -> None:
    """The same price with more digits is no move; a lower one with more digits is a fall."""
    figures = "[...document.querySelectorAll('#rows tr:first-child td span')]"
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    largest = 2**53 - 1
    await client.say(**tick("AUSDT", seq=1, bid=100, ask=largest // 10, price_scale=2))
    await page.until(f"({row('AUSDT')})[1] === '1.00'")
    await client.say(**tick("AUSDT", seq=2, bid=1000, ask=largest, price_scale=3))
    await page.until(f"({row('AUSDT')})[1] === '1.000'")
    # 9007199254740.991 is by one thousandth above 90071992547409.9 / 10.
    assert [None, "up"] == await page.evaluate(f"{figures}.slice(0, 2).map((s) => s.dataset.move ?? null)")
    await client.say(**tick("AUSDT", seq=3, bid=9999, ask=largest, price_scale=4))
    await page.until(f"({row('AUSDT')})[1] === '0.9999'")
    assert "down" == await page.evaluate(f"{figures}[0].dataset.move")


async def test_a_symbol_that_is_not_live_says_so_and_why(page: Page, gateway: ScriptedGateway) -> None:
    """Each in its row in words, beside live ones that stay as they are; counted in the head; and taken back."""
    now_us = time.time_ns() // 1000
    told = {
        "BUSDT": ("stale", "ask below bid for 3 s", now_us - 60_000_000),
        "CUSDT": ("halted", "BREAK", now_us - 3_600_000_000),
        "DUSDT": ("delisted", "<b>gone</b>", now_us - 200_000 * 1_000_000),
    }
    texts = """(symbol) => {
        const tr = [...document.querySelectorAll("#rows tr")].find((one) => one.textContent.startsWith(symbol));
        const head = tr.querySelector("th");
        return {
            state: tr.querySelector(".state")?.textContent ?? "", why: tr.querySelector(".why")?.textContent ?? "",
            title: head.title, colour: getComputedStyle(tr.querySelector("td")).color, text: tr.textContent,
        };
    }"""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT", "CUSDT", "DUSDT")
    for symbol in ("AUSDT", *told):
        await client.say(**tick(symbol, recv_us=now_us))
    for symbol, (name, reason, since_us) in told.items():
        await client.say(type="symbol_status", symbol=symbol, state=name, reason=reason, since_us=since_us)
    await page.until("document.querySelector('#not-live').textContent === '3'")
    await page.until(f"({texts})('AUSDT').text.includes('65,234.56')")
    live = await page.evaluate(f"({texts})('AUSDT')")
    assert ("", "", "") == (live["state"], live["why"], live["title"])
    for symbol, (name, reason, since_us) in told.items():
        shown = await page.evaluate(f"({texts})({symbol!r})")
        since = await page.evaluate(f"new Date({since_us / 1000}).toLocaleTimeString()")
        assert name == shown["state"].lower()
        assert shown["why"].startswith(f"{reason}, since ")
        assert shown["why"].endswith(since)
        assert f"{symbol} is {name}: {shown['why']}" == shown["title"]
        assert shown["colour"] != live["colour"]
        assert "65,234.56" in shown["text"]
    # Ages go on.
    await page.until(
        "[...document.querySelectorAll('#rows tr')].every((tr) => parseFloat(tr.children[6].textContent) > 0)"
    )
    assert await page.evaluate(state("live"))
    # What is announced and what is read aloud says it too, not the colour alone.
    tree = await page.call("Accessibility.getFullAXTree")
    heads = [node["name"]["value"] for node in tree["nodes"] if node["role"]["value"] == "rowheader"]
    assert "AUSDT" == heads[0]
    assert all(name in head.lower() for head, (name, _, _) in zip(heads[1:], told.values(), strict=True))

    await client.say(type="symbol_status", symbol="BUSDT", state="live", reason="", since_us=now_us)
    await page.until("document.querySelector('#not-live').textContent === '2'")
    back = await page.evaluate(f"({texts})('BUSDT')")
    assert ("", "", "", live["colour"]) == (back["state"], back["why"], back["title"], back["colour"])

    # On a phone nothing of it is cut off.
    await page.look(width=360, height=780)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert await page.evaluate(
        "[...document.querySelectorAll('.state, .why')].every((one) => one.getBoundingClientRect().right <= 360)"
    )
    # A new connection tells anew; what it does not tell is live.
    await client.close(1012)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT", "CUSDT", "DUSDT")
    await client.say(type="symbol_status", symbol="DUSDT", state="delisted", reason="", since_us=now_us)
    await page.until("document.querySelector('#not-live').textContent === '1'")
    assert ["", "", "", "Delisted"] == [
        (await page.evaluate(f"({texts})({symbol!r})"))["state"] for symbol in ("AUSDT", *told)
    ]


async def test_a_tick_is_shown_once_and_a_lower_number_is_a_new_numbering(page: Page, gateway: ScriptedGateway) -> None:
    """A tick whose seq is the one shown is ignored; a gateway sends a lower one only where a symbol begins anew."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT")
    await client.say(**tick("AUSDT", seq=9, bid=900))
    await client.say(**tick("AUSDT", seq=9, bid=700))
    await client.say(**(tick("AUSDT", bid=600) | {"seq": "10"}))
    await client.say(**tick("BUSDT"))
    await page.until(f"({row('BUSDT')})[1] !== '–'")
    assert "9.00" == (await page.evaluate(row("AUSDT")))[1]
    await client.say(**tick("AUSDT", seq=8, bid=800))
    await page.until(f"({row('AUSDT')})[1] === '8.00'")


async def test_a_batch_is_taken_as_its_ticks(page: Page, gateway: ScriptedGateway) -> None:
    """A `ticks` message updates every symbol in it."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", "BUSDT")
    await client.say(type="ticks", ticks=[tick("AUSDT", bid=111), tick("BUSDT", bid=222)])
    await page.until(f"({row('AUSDT')})[1] === '1.11' && ({row('BUSDT')})[1] === '2.22'")


async def test_markup_in_any_message_is_text(page: Page, gateway: ScriptedGateway) -> None:
    """Markup in a symbol, a reason, a source or a client's name is shown as it was written, and never run."""
    evil = "<img src=x onerror=\"document.title='owned'\"><b>x</b>"
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.greet(feed="stale", reason=evil, source=evil)
    await client.say(type="subscribed", symbols=[evil])
    await client.say(type="welcome", client=evil, heartbeat_s=600)
    await client.hear()
    await client.say(type="status", feed="stale", reason=evil, source=evil, since_us=1)
    await client.say(**tick(evil))
    await page.until("document.querySelector('#rows td').textContent === '65,234.56'")
    assert evil == await page.evaluate("document.querySelector('#rows th').textContent")
    assert evil in await page.evaluate("document.querySelector('#notice-text').textContent")
    assert evil == await page.evaluate("document.querySelector('#source').textContent")
    assert evil in await page.evaluate("document.querySelector('#client').textContent")
    assert 0 == await page.evaluate("document.querySelectorAll('b, #rows img, .notice img, footer img').length")
    assert "Stale · tickgate" == await page.evaluate("document.title")


async def test_rubbish_does_not_stop_the_page(page: Page, gateway: ScriptedGateway) -> None:
    """Messages of no known kind are passed over, and the next tick is shown."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await client.say(type="from the future", symbols=None)
    await client.say(type="tick")
    await client.say(**tick("AUSDT", seq=1, bid="6523456"))
    await client._socket.send_str("not JSON")
    await client._socket.send_str("null")
    await client._socket.send_str("[1]")
    await client.say(**tick("AUSDT", seq=2, bid=123))
    await page.until(f"({row('AUSDT')})[1] === '1.23'")


async def test_the_source_is_labelled(page: Page, gateway: ScriptedGateway) -> None:
    """Prices that are not the exchange's own say so beside the name, in the colour of a warning."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    for source, label, unreal in (
        ("simulated", "Simulated prices", True),
        ("replay", "Replay of a recording", True),
        ("binance-ws", "Binance stream", False),
        ("binance-rest", "Binance REST", False),
        ("coinbase-ws", "Coinbase stream", False),
    ):
        await client.say(type="status", feed="live", reason="", source=source, since_us=1)
        await page.until(f"document.querySelector('#source').textContent === {label!r}")
        assert unreal is await page.evaluate("document.querySelector('#source').classList.contains('unreal')")


async def test_stale_says_why_and_since_when_and_goes_away(page: Page, gateway: ScriptedGateway) -> None:
    """Stale shows the badge, the reason and the time; live takes them away."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await page.until(state("live"))
    assert "Live" == await page.evaluate("document.querySelector('[role=status]').innerText.trim()")
    since_us = time.time_ns() // 1000 - 65_000_000
    await client.say(type="status", feed="stale", reason="no beat for 3 s", source="simulated", since_us=since_us)
    await page.until(state("stale"))
    assert "Stale" == await page.evaluate("document.querySelector('[role=status]').innerText.trim()")
    assert "Prices may be old: no beat for 3 s" == await page.evaluate(
        "document.querySelector('#notice-text').textContent"
    )
    assert "1 min ago" in await page.evaluate("document.querySelector('#notice-detail').textContent")
    await client.say(type="status", feed="live", reason="", source="simulated", since_us=since_us)
    await page.until(state("live"))
    assert await page.evaluate("document.querySelector('#notice').hidden") is True


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
    await client.say(type="subscribed", symbols=["AUSDT", "coinbase:A-USD", "B:CUSDT"])
    await page.until(state("live"))
    text = "document.querySelector('#source').textContent"
    await page.until(f"{text} === 'binance: Binance stream · coinbase: Coinbase stream'")
    await client.say(**other | {"feed": "stale", "reason": "the poller is silent"})
    await page.until(state("partly"))
    assert "Partly stale" == await page.evaluate("document.querySelector('[role=status]').innerText.trim()")
    assert "Prices of coinbase may be old: the poller is silent" == await page.evaluate(
        "document.querySelector('#notice-text').textContent"
    )
    assert "binance: Binance stream · coinbase: Coinbase stream, stale" == await page.evaluate(text)
    rows = "Array.from(document.querySelectorAll('#rows tr'), (row) => row.dataset.feed)"
    assert ["live", "stale", "live"] == await page.evaluate(rows)
    assert "1" == await page.evaluate("document.querySelector('#not-live').textContent")
    await client.say(type="status", feed="stale", reason="banned", source="binance-ws", since_us=1, venue="binance")
    await page.until(state("stale"))
    assert ["stale"] * 3 == await page.evaluate(rows)
    assert "Prices may be old: binance: banned; coinbase: the poller is silent" == await page.evaluate(
        "document.querySelector('#notice-text').textContent"
    )
    await client.say(**other)
    await page.until(state("partly"))
    await client.say(type="status", feed="live", reason="", source="binance-ws", since_us=1, venue="binance")
    await page.until(state("live"))
    assert await page.evaluate("document.querySelector('#notice').hidden") is True
    assert ["live"] * 3 == await page.evaluate(rows)


async def test_a_venue_that_is_not_served_any_more_is_dropped(page: Page, gateway: ScriptedGateway) -> None:
    """The page names it no more, and what befalls another venue does not touch its prices; served again, it is back."""
    await page.open(gateway.url)
    client = await gateway.accept()
    ours: dict[str, Any] = {"type": "status", "feed": "live", "reason": "", "since_us": 1}
    binance, coinbase = ({**ours, "source": f"{venue}-ws", "venue": venue} for venue in ("binance", "coinbase"))
    await client.greet(**binance)
    await client.say(**coinbase)
    await client.say(type="subscribed", symbols=["AUSDT", "coinbase:A-USD"])
    text = "document.querySelector('#source').textContent"
    await page.until(f"{text} === 'binance: Binance stream · coinbase: Coinbase stream'")
    why = "this gateway does not serve it any more"
    await client.say(**coinbase | {"feed": "stale", "reason": why, "served": False})
    told = {"type": "symbol_status", "symbol": "coinbase:A-USD", "state": "unknown", "reason": why, "since_us": 1}
    await client.say(**told)
    await client.say(type="unsubscribed", symbols=["coinbase:A-USD"])
    await page.until(f"{text} === 'Binance stream'")
    await page.until(state("live"))
    assert await page.evaluate("document.querySelector('#notice').hidden") is True
    of_row = "(row) => `${row.dataset.feed} ${row.dataset.state ?? 'live'}`"
    rows = f"Array.from(document.querySelectorAll('#rows tr'), {of_row}).join()"
    await page.until(f"{rows} === 'live live,live unknown'")
    await client.say(**binance | {"feed": "stale", "reason": "banned"})
    await page.until(state("stale"))
    await page.until(f"{rows} === 'stale live,live unknown'")
    await client.say(**binance)
    await client.say(**coinbase)
    await page.until(f"{text} === 'binance: Binance stream · coinbase: Coinbase stream'")


async def test_a_lost_connection_is_made_again(page: Page, gateway: ScriptedGateway) -> None:
    """After an unclean end the page says so, keeps its figures, connects, subscribes and shows newer ones."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await client.say(**tick("AUSDT", seq=5, bid=500))
    await page.until(f"({row('AUSDT')})[1] === '5.00'")
    await client.close(1011)
    again = await gateway.accept()
    await page.until(state("reconnecting"))
    assert "5.00" == (await page.evaluate(row("AUSDT")))[1]
    await again.serve("AUSDT")
    await again.say(**tick("AUSDT", seq=6, bid=600, type="snapshot"))
    await page.until(f"{state('live')} && ({row('AUSDT')})[1] === '6.00'")


async def test_a_shutdown_names_the_wait(page: Page, gateway: ScriptedGateway) -> None:
    """After `shutdown` and 1012 the page waits as long as the gateway said, not as its own backoff says."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await client.say(type="shutdown", reconnect_after_ms=1500)
    await client.close(1012)
    await page.until(
        f"{state('reconnecting')} && /restarting/.test(document.querySelector('#notice-text').textContent)"
    )
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
    assert "not allowed" in await page.evaluate("document.querySelector('#notice-text').textContent")
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
            assert {"type": "subscribe", "symbols": ["*"]} == await client.hear()
            await client.say(type="error", code="unauthorised", message="the first message must be auth")
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
    assert {"type": "subscribe", "symbols": ["*"]} == await client.hear()
    await client.say(type="authenticated", subject="demo")
    await client.say(type="status", feed="live", reason="", source="simulated", since_us=1)
    await client.say(type="subscribed", symbols=["AUSDT"])
    await page.until(state("live"))
    assert await page.evaluate("document.querySelector('#key').hidden")
    assert "" == await page.evaluate("document.querySelector('#token').value")


async def test_a_silent_link_is_pinged_and_then_given_up(page: Page, gateway: ScriptedGateway) -> None:
    """After a tenth of a heartbeat without a word the page asks `ping`; without an answer it soon connects anew."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT", heartbeat_s=10)
    assert {"type": "ping"} == await client.hear()
    asked = time.monotonic()
    again = await gateway.accept()
    assert 1.5 < time.monotonic() - asked
    await again.serve("AUSDT", heartbeat_s=10)
    assert {"type": "ping"} == await again.hear()
    await again.say(type="pong")
    assert {"type": "ping"} == await again.hear()
    assert gateway.idle


async def test_age_starts_at_nought_whatever_the_clocks_say(page: Page, gateway: ScriptedGateway) -> None:
    """A gateway whose clock is an hour ahead or behind gives the same ages, which are never negative and grow."""
    for ahead_us in (3_600_000_000, -3_600_000_000):
        await page.open(gateway.url)
        client = await gateway.accept()
        await client.serve("AUSDT", "BUSDT")
        now_us = time.time_ns() // 1000 + ahead_us
        await client.say(**tick("AUSDT", recv_us=now_us - 30_000_000))
        await client.say(**tick("BUSDT", recv_us=now_us))
        await page.until(f"({row('BUSDT')})[6] !== '–'")
        ages = f"[{row('AUSDT')}, {row('BUSDT')}].map((texts) => parseFloat(texts[6]))"
        older_s, newer_s = await page.evaluate(ages)
        assert 0 <= newer_s < BOUND_S
        assert 29 <= older_s - newer_s <= 31
        await page.until(f"{ages}[1] > {newer_s}")
        await client.close(4403)


async def test_the_filter_hides_what_does_not_match(page: Page, gateway: ScriptedGateway) -> None:
    """Typing in the filter leaves only the symbols that contain it, and says when there is none."""
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("BTCUSDT", "ETHUSDT", "ETHBTC")
    await page.until("document.querySelectorAll('#rows tr').length === 3")
    type_in = """(text) => {
        const box = document.querySelector("#filter");
        box.value = text;
        box.dispatchEvent(new Event("input"));
        return [...document.querySelectorAll("#rows tr:not([hidden]) th")].map((th) => th.textContent);
    }"""
    assert ["ETHUSDT", "ETHBTC"] == await page.evaluate(f"({type_in})('eth ')")
    assert [] == await page.evaluate(f"({type_in})('nothing')")
    assert "No symbol contains “nothing”" == await page.evaluate("document.querySelector('#empty').textContent")
    assert 3 == len(await page.evaluate(f"({type_in})('')"))


async def test_a_change_flashes_unless_motion_is_unwanted(page: Page, gateway: ScriptedGateway) -> None:
    """A price that rises is marked up, one that falls down; no animation where the reader wants none."""
    figures = "[...document.querySelectorAll('#rows tr:first-child td span')]"
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("AUSDT")
    await client.say(**tick("AUSDT", seq=1, bid=100, ask=200))
    await page.until(f"({row('AUSDT')})[1] === '1.00'")
    assert [None, None] == await page.evaluate(f"{figures}.slice(0, 2).map((s) => s.dataset.move ?? null)")
    await client.say(**tick("AUSDT", seq=2, bid=101, ask=199))
    await page.until(f"({row('AUSDT')})[1] === '1.01'")
    assert ["up", "down"] == await page.evaluate(f"{figures}.slice(0, 2).map((s) => s.dataset.move)")
    assert 2 == await page.evaluate("document.getAnimations().length")
    await page.look(reduced_motion=True)
    await client.say(**tick("AUSDT", seq=3, bid=90, ask=210))
    await page.until(f"({row('AUSDT')})[1] === '0.90'")
    assert ["down", "up"] == await page.evaluate(f"{figures}.slice(0, 2).map((s) => s.dataset.move)")
    assert 0 == await page.evaluate("document.getAnimations().length")


async def test_a_flood_does_not_freeze_the_page(page: Page, gateway: ScriptedGateway) -> None:
    """While 20,000 ticks come the page goes on drawing, and it ends with the right figures."""
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
    await page.until(f"({row('S99USDT')})[1] === '2.00'")
    bids = "[...document.querySelectorAll('#rows tr')].map((tr) => tr.children[1].textContent)"
    assert ["2.00"] * len(symbols) == await page.evaluate(bids)
    assert 10 < await page.evaluate("window.drawn")
    await page.until("window.busiest > 100")


@pytest.mark.parametrize("width", [360, 780, 920, 1280])
async def test_two_venues_have_room_at_any_width(page: Page, gateway: ScriptedGateway, width: int) -> None:
    """Whatever is said of them nothing overflows, no figure is cut off, and a name breaks at its colon alone."""
    await page.look(width=width, height=780)
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.greet(venue="binance", feed="stale", reason="the poller is silent")
    await client.say(
        type="status", feed="stale", reason="the poller is silent", source="simulated", since_us=1, venue="coinbase"
    )
    symbols = ["BTCUSDT", "coinbase:BTC-USD", "coinbase:ETH-USD"]
    await client.say(type="subscribed", symbols=symbols)
    for symbol in symbols:
        await client.say(**tick(symbol, volume=1428725920))
    why = "this gateway does not serve it any more"
    await client.say(type="symbol_status", symbol=symbols[2], state="unknown", reason=why, since_us=1)
    await page.until(f"({row('coinbase:BTC-USD')})[1] !== '–' && {state('stale')}")
    await page.until("document.querySelector('#not-live').textContent === '3'")
    inside = "(box) => box.scrollWidth <= box.clientWidth"
    assert await page.evaluate(f"[document.documentElement, ...document.querySelectorAll('.bar > p')].every({inside})")
    edge = "document.querySelector('.panel').getBoundingClientRect().right"
    right = "(cell) => cell.getBoundingClientRect().right"
    assert await page.evaluate(f"[...document.querySelectorAll('#rows td')].map({right}).every((x) => x <= {edge})")
    # Each piece of a name that is text of its own stands on one line.
    lines = """[...document.querySelectorAll('#rows th')].map((head) => [...head.childNodes]
        .filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())
        .map((node) => { const range = document.createRange(); range.selectNode(node); return range; })
        .map((range) => range.getClientRects().length))"""
    assert [[1], [1, 1], [1, 1]] == await page.evaluate(lines)


async def test_the_table_is_one_to_assistive_technology_at_phone_width_too(
    page: Page, gateway: ScriptedGateway
) -> None:
    """Rows, row headers and column headers are in the accessibility tree, whatever the layout; nothing overflows."""
    await page.look(width=360, height=780)
    await page.open(gateway.url)
    client = await gateway.accept()
    await client.serve("BTCUSDT", "1000SHIBUSDT")
    await client.say(**tick("BTCUSDT"))
    await client.say(**tick("1000SHIBUSDT", price_scale=8))
    await page.until(f"({row('1000SHIBUSDT')})[1] !== '–'")
    tree = await page.call("Accessibility.getFullAXTree")
    roles = [node["role"]["value"] for node in tree["nodes"] if not node.get("ignored")]
    assert (1, 3, 8, 2) == tuple(roles.count(role) for role in ("table", "row", "columnheader", "rowheader"))
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360

"""Binance's REST, over real sockets."""

from urllib.parse import quote

import pytest

from market.prices.listed import Listed
from market.prices.symbols import Symbols
from market.wire.status import Changes, States, SymbolStatus
from tests.gateway.binance.conftest import SYMBOLS, Scene, stats
from tests.gateway.conftest import Start, stop_the_clock
from tests.market.bus.using import publish
from tests.waiting import until

BOTH = quote('["BTCUSDT","ETHUSDT"]')


@pytest.fixture
async def priced(scene: Scene) -> Scene:
    """A gateway that has quotes and figures of two of its symbols."""
    await scene.quote("BTCUSDT", 1, last=6523450)
    await scene.quote("ETHUSDT", 1, last=349999)
    scene.figures(stats(), stats("ETHUSDT"))
    await until(lambda: scene.gateway.hub.last_tick("ETHUSDT"))
    return scene


async def test_ping_and_time(scene: Scene) -> None:
    """In milliseconds, or in microseconds if the request says so."""
    assert (200, {}) == (await scene.get("ping"))[:2]
    status, body, headers = await scene.get("time")
    assert 200 == status
    assert ["serverTime"] == list(body)
    _, micro, _ = await scene.get("time", **{"X-MBX-TIME-UNIT": "MICROSECOND"})
    assert 0 <= micro["serverTime"] // 1000 - body["serverTime"] < 60_000
    assert "no-store" == headers["Cache-Control"]


async def test_one_quote_is_an_object_and_several_are_an_array(priced: Scene) -> None:
    """Without a name, those of all symbols that have one."""
    expected = {
        "symbol": "BTCUSDT",
        "bidPrice": "65234.56000000",
        "bidQty": "1.50000000",
        "askPrice": "65234.57000000",
        "askQty": "0.00200000",
    }
    _, one, _ = await priced.get("ticker/bookTicker?symbol=BTCUSDT")
    assert list(expected.items()) == list(one.items())
    for query in ("", f"?symbols={BOTH}"):
        _, both, _ = await priced.get(f"ticker/bookTicker{query}")
        assert [expected, expected | {"symbol": "ETHUSDT"}] == both


async def test_last_prices(priced: Scene) -> None:
    """To the digit, with eight decimals."""
    assert {"symbol": "BTCUSDT", "price": "65234.50000000"} == (await priced.get("ticker/price?symbol=BTCUSDT"))[1]
    assert [("BTCUSDT", "65234.50000000"), ("ETHUSDT", "3499.99000000")] == [
        (one["symbol"], one["price"]) for one in (await priced.get("ticker/price"))[1]
    ]


async def test_a_last_price_may_come_with_figures_alone(scene: Scene) -> None:
    """A quote may be there before the first trade."""
    await scene.quote("BTCUSDT", 1)
    scene.figures(stats())
    await until(lambda: scene.gateway.hub.last_tick("BTCUSDT"))
    assert {"symbol": "BTCUSDT", "price": "65234.50000000"} == (await scene.get("ticker/price?symbol=BTCUSDT"))[1]


async def test_figures_of_24_hours(priced: Scene) -> None:
    """Binance's keys in its order; the small answer leaves out what is computed and the quote."""
    _, full, _ = await priced.get("ticker/24hr?symbol=BTCUSDT")
    assert (
        "symbol priceChange priceChangePercent weightedAvgPrice prevClosePrice lastPrice lastQty bidPrice bidQty"
        " askPrice askQty openPrice highPrice lowPrice volume quoteVolume openTime closeTime firstId lastId count"
    ) == " ".join(full)
    assert ("234.50000000", "65234.56000000", "1234.50000000") == (
        full["priceChange"], full["bidPrice"], full["volume"]
    )  # fmt: skip
    _, small, _ = await priced.get(f"ticker/24hr?symbols={BOTH}&type=MINI")
    assert (
        "symbol openPrice highPrice lowPrice lastPrice volume quoteVolume openTime closeTime firstId lastId count"
    ) == " ".join(small[0])
    assert {key: full[key] for key in small[0]} == small[0]


async def test_a_price_that_is_not_current_is_an_error(start: Start) -> None:
    """An old one would pass for a new one; without a name it is left out."""
    scene = Scene(await start(symbols=SYMBOLS))
    await scene.quote("BTCUSDT", 1)
    await until(lambda: scene.gateway.hub.last_tick("BTCUSDT"))
    status, body, _ = await scene.get("ticker/bookTicker?symbol=BTCUSDT")
    assert (503, -1001) == (status, body["code"])
    assert [] == (await scene.get("ticker/bookTicker"))[1]


async def test_a_stale_symbol_is_an_error_beside_live_ones(priced: Scene) -> None:
    """Each symbol has its own state."""
    one = SymbolStatus(symbol="ETHUSDT", state="stale", reason="no quote", since_us=1)
    states = States(version=2, live=["BTCUSDT", "币安人生USDT"], others=[one])
    await publish(priced.gateway.bus, states=states)
    await priced.running.heartbeat(states=Changes(version=2, since=1, symbols=[one]))
    await until(lambda: priced.gateway.states.state_of("ETHUSDT") == "stale")
    assert 503 == (await priced.get("ticker/price?symbol=ETHUSDT"))[0]
    assert ["BTCUSDT"] == [each["symbol"] for each in (await priced.get("ticker/price"))[1]]


async def test_the_listing_has_every_symbol_that_is_served(priced: Scene) -> None:
    """With the exchange's own rules where they are known."""
    priced.listing(
        Listed(symbol="BTCUSDT", native="BTCUSDT", status="trading", base="BTC", quote="USDT", tick_size="0.01"),
        Listed(symbol="ETHUSDT", native="ETHUSDT", status="halted", base="ETH", quote="USDT"),
    )
    _, every, _ = await priced.get("exchangeInfo")
    assert ["BTCUSDT", "ETHUSDT", "币安人生USDT"] == [one["symbol"] for one in every["symbols"]]
    assert ["TRADING", "HALT", "TRADING"] == [one["status"] for one in every["symbols"]]
    _, some, _ = await priced.get("exchangeInfo?symbolStatus=TRADING&showPermissionSets=false")
    assert [("BTCUSDT", []), ("币安人生USDT", [])] == [
        (one["symbol"], one["permissionSets"]) for one in some["symbols"]
    ]
    _, one, _ = await priced.get("exchangeInfo?symbol=BTCUSDT")
    assert "0.01000000" == one["symbols"][0]["filters"][0]["tickSize"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("ticker/price?symbol=XRPUSDT", 400, -1121),
        ("ticker/price?symbol=coinbase:BTC-USD", 400, -1100),
        ("ticker/24hr?symbol=BTCUSDT&type=HUGE", 400, -1100),
        ("klines?symbol=BTCUSDT&interval=1m", 404, -1020),
        ("", 404, -1020),
    ],
)
async def test_errors_have_binances_codes(priced: Scene, path: str, status: int, code: int) -> None:
    """What this deployment has not is refused by name."""
    answered, body, headers = await priced.get(path)
    assert (status, code, ["code", "msg"]) == (answered, body["code"], list(body))
    assert "X-MBX-USED-WEIGHT-1M" in headers


async def test_an_answer_about_many_symbols_costs_as_much_as_its_work(start: Start) -> None:
    """Else a few requests a second would fill a core."""
    many = Symbols(f"N{number}USDT" for number in range(1000))
    scene = Scene(await start(symbols=many, spare_loopback=False, max_request_rate_per_ip=40))
    stop_the_clock(scene.running)
    await scene.live()
    assert 200 == (await scene.get("ticker/24hr"))[0]
    status, body, _ = await scene.get("ticker/24hr")
    assert (429, -1003) == (status, body["code"])
    # One symbol costs little; it has no figures here.
    assert 503 == (await scene.get("ticker/24hr?symbol=N1USDT"))[0]


async def test_all_symbols_are_answered_for_in_several_turns(start: Start) -> None:
    """Each is there once, in order."""
    many = Symbols(f"N{number}USDT" for number in range(120))
    scene = Scene(await start(symbols=many))
    info = (await scene.get("exchangeInfo"))[1]
    assert list(many.names) == [one["symbol"] for one in info["symbols"]]


async def test_weight_is_counted_and_limited(start: Start) -> None:
    """As at Binance: 6,000 a minute and address, then 429 with the time to come back."""
    scene = Scene(await start(symbols=SYMBOLS, spare_loopback=False, max_request_rate_per_ip=0))
    now_us = 1_795_734_825_000_000
    scene.gateway._now_us = lambda: now_us
    weights = [(await scene.get("ticker/24hr"))[2]["X-MBX-USED-WEIGHT-1M"] for _ in range(6000 // 80)]
    assert ["80", "160", "6000"] == [weights[0], weights[1], weights[-1]]
    status, body, headers = await scene.get("ping")
    assert (429, -1003) == (status, body["code"])
    assert 0 < int(headers["Retry-After"]) <= 60

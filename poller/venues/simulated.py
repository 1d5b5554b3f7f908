"""Prices of an exchange that does not exist: to try things out, for tests, for load.

Each symbol walks at random in whole price steps of its own, never far from its start. Only the time is a float. The
start and the steps of each symbol are in ``simulated.json``.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from market.prices.instruments import Instrument, Rules, Scales
from market.prices.pairs import parts
from market.prices.tick import scale_of, scaled, unscaled
from market.prices.venues import native_of
from poller.source import LinkState, Listener, NullListener, Update
from poller.venues.simulated_day import Day

_GRID_S = 0.01
"""Above 100 ticks/s, ticks come in small batches on this grid: finer timers cost more than the ticks."""
_MAX_BEHIND_S = 1.0
"""After a longer stall the missed ticks are left out, instead of sent in one flood."""

_ROUNDING = 1e-6
"""In ticks: a timer that fires exactly on time must not miss its tick by a float's last digit."""
_ORDER = 5_000
"""The approximate value of a quote's size, in the quote asset."""
_ORDERS_A_DAY = 10_000
"""The number of orders in the first volume."""


class Listing(Struct, frozen=True):
    """How a symbol is traded."""

    price: str
    """The start of the walk."""
    tick: str
    """The smallest price step (Binance's ``tickSize``)."""
    step: str
    """The smallest size step (Binance's ``stepSize``)."""


DEFAULT_LISTING = Listing(price="10", tick="0.001", step="0.01")
"""For symbols that ``simulated.json`` does not have."""


class Simulated:
    """A seeded random walk of every symbol, at a settable rate.

    The same seed, symbols and rate give the same quotes in the same order. It begins with one quote of each symbol;
    about once a second a symbol's quote has its last price and volume.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        *,
        ticks_per_s: int,
        seed: int,
        now_us: Callable[[], int],
        notice: str = "",
    ) -> None:
        """Simulate ``symbols`` at ``ticks_per_s`` in all; every heartbeat carries ``notice``."""
        self._rng = random.Random(seed)  # noqa: S311 - prices in a game, not secrets
        self._ticks_per_s = ticks_per_s
        self._now_us = now_us
        self._listings = listings()
        self._listener: Listener = NullListener()
        names = tuple(symbols)
        self._per_summary = max(1, round(ticks_per_s / len(names)))
        self._walks = [self._new_walk(name) for name in names]
        self.state = LinkState("simulated", "up", notice, now_us())

    def _new_walk(self, symbol: str) -> "_Walk":
        listing = self._listings.get(symbol) or self._listings.get(_alike(symbol), DEFAULT_LISTING)
        return _Walk(symbol, listing, self._per_summary, self._rng, self._now_us())

    async def instruments(self) -> Mapping[str, Instrument]:
        """See `poller.source.Source.instruments`."""
        return {walk.symbol: walk.instrument for walk in self._walks}

    def doubt(self, symbol: str) -> None:
        """See `poller.source.Source.doubt`: the instruments never change here."""

    def serve(self, symbols: Iterable[str]) -> None:
        """See `poller.source.Source.serve`."""
        walks = {walk.symbol: walk for walk in self._walks}
        self._walks = [walks.get(symbol) or self._new_walk(symbol) for symbol in symbols]
        for walk in self._walks:
            if walk.symbol not in walks:
                self._listener.listed(walk.symbol, walk.instrument)
                self._listener.update(walk.quote(self._now_us()))

    async def run(self, listener: Listener) -> None:
        """See `poller.source.Source.run`."""
        self._listener = listener
        for walk in self._walks:
            listener.update(walk.quote(self._now_us()))
        loop = asyncio.get_running_loop()
        rate = self._ticks_per_s
        rest = _GRID_S if rate * _GRID_S > 1 else 0.0
        # Counted from the start, so that delays of timers do not add up.
        started, sent = loop.time(), 0
        while True:
            await asyncio.sleep(max(rest, started + (sent + 1) / rate - loop.time()))
            due = int((loop.time() - started) * rate + _ROUNDING)
            sent = max(sent, due - int(_MAX_BEHIND_S * rate))
            while sent < due:
                sent += 1
                listener.update(self._rng.choice(self._walks).quote(self._now_us()))


class _Walk:
    """One symbol's walk; prices and sizes are in its steps."""

    def __init__(
        self, symbol: str, listing: Listing, quotes_per_summary: int, rng: random.Random, began_us: int
    ) -> None:
        self.symbol = symbol
        self.scales = Scales(price=scale_of(listing.tick), size=scale_of(listing.step))
        self._rng = rng
        self._tick = scaled(listing.tick, self.scales.price)
        self._step = scaled(listing.step, self.scales.size)
        start = scaled(listing.price, self.scales.price)
        self._start = self._price = max(4, start // self._tick)
        # A quote moves the price by up to 0.005 %, as in a busy market.
        self._reach = max(1, self._start // 20_000)
        order = _ORDER * 10 ** (self.scales.price + self.scales.size) // (start * self._step)
        self._order = max(1, order)
        self._volume = self._order * _ORDERS_A_DAY
        rules = Rules(*_assets(symbol), tick_size=listing.tick, step_size=listing.step, min_qty=listing.step)
        self.instrument = Instrument("trading", self.scales, rules=rules)
        volume = self._volume * self._step
        self._day = Day(symbol, self.scales, self._start * self._tick, volume, _ORDERS_A_DAY)
        self._first_id = began_us // 1_000
        """So the numbers of quotes grow with each start."""
        self._quotes = 0
        self._quotes_per_summary = quotes_per_summary

    def quote(self, now_us: int) -> Update:
        """The next quote; each ``quotes_per_summary``-th, and the first, has the summary too."""
        bits = self._rng.getrandbits(96)
        move = bits % (2 * self._reach + 1) - self._reach
        self._price = min(max(self._price + move, self._start // 2), self._start * 2)
        spread = 1 + (bits >> 32) % 3
        bid = self._decimal_price(self._price)
        ask = self._decimal_price(self._price + spread)
        has_summary = self._quotes % self._quotes_per_summary == 0
        self._quotes += 1
        last = volume = stats = None
        if has_summary:
            traded = (bits >> 40) % self._order
            self._volume += traded
            last, price = (ask, self._price + spread) if bits >> 95 else (bid, self._price)
            volume = self._decimal_size(self._volume)
            stats = self._day.traded(price * self._tick, traded * self._step, now_us)
        return Update(
            symbol=self.symbol,
            recv_us=now_us,
            update_id=self._first_id + self._quotes,
            event_us=now_us if has_summary else None,
            bid=bid,
            bid_size=self._decimal_size(1 + (bits >> 48) % (2 * self._order)),
            ask=ask,
            ask_size=self._decimal_size(1 + (bits >> 64) % (2 * self._order)),
            last=last,
            volume=volume,
            stats=stats,
        )

    def _decimal_price(self, ticks: int) -> str:
        return unscaled(ticks * self._tick, self.scales.price)

    def _decimal_size(self, steps: int) -> str:
        return unscaled(steps * self._step, self.scales.size)


def _assets(symbol: str) -> tuple[str, str]:
    found = parts(native_of(symbol))
    return ("", "") if found is None else found[1:]


def _alike(symbol: str) -> str:
    """The symbol in ``simulated.json`` for one of another venue: ``BTCUSDT`` for ``coinbase:BTC-USD``."""
    return native_of(symbol).partition("-")[0] + "USDT"


def listings() -> dict[str, Listing]:
    """The listings in ``simulated.json``: 100 symbols, with their steps on Binance in October 2021."""
    text = Path(__file__).with_name("simulated.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, Listing])

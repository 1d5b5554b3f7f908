"""Prices from a recording: the first line names the streams, then each line is ``unix_time: message``.

Messages are those of a combined stream of Binance; ``bookTicker``, ``miniTicker`` and ``ticker`` become updates, other
streams are left out. An ``exchangeInfo`` answer beside the recording gives the scales. Without one, or for a symbol
that is not in it, the scales are the most decimals that the recording has.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.json import Decoder

from market.prices.instruments import Instrument, Scales
from market.prices.tick import DecimalError, scale_of
from market.wire.codec import UNREADABLE
from poller.errors import PollerError
from poller.log_events import RECORDING_INCOMPLETE, RECORDING_MALFORMED, RECORDING_UNREADABLE, RECORDING_WITHOUT_LISTING
from poller.source import LinkState, Listener, NullListener, Update
from poller.venues.binance.exchange_info import BadExchangeInfoError, ExchangeInfo
from poller.venues.binance.messages import FULL_SUMMARY_STREAM, QUOTE_STREAM, SUMMARY_STREAM, parse_message

logger = logging.getLogger(__name__)

_STREAMS = frozenset({QUOTE_STREAM, SUMMARY_STREAM, FULL_SUMMARY_STREAM})
_HEADERS = (b"ws://", b"wss://")
_LINES_AT_ONCE = 250
"""Between two pauses for the rest of the process."""

_ABSENT = Instrument("unknown", reason="the recording has no price of it")


class _Named(Struct):
    stream: str = ""


_named = Decoder(_Named)


class Replay:
    """A recording, played once."""

    def __init__(
        self,
        symbols: Iterable[str],
        path: Path,
        *,
        speed: float,
        now_us: Callable[[], int],
        room: Callable[[], Awaitable[None]],
    ) -> None:
        """Play ``symbols`` from ``path``, at ``speed`` times the recorded speed.

        At speed 0 there is no clock to follow, so ``room`` is awaited: the publisher then sends every tick and
        conflates none.
        """
        self._symbols = tuple(symbols)
        self._wanted = dict.fromkeys(self._symbols)
        self._instruments: dict[str, Instrument] = {}
        self._listener: Listener = NullListener()
        self._path = path
        self._speed = speed
        self._now_us = now_us
        self._room = room
        self.state = LinkState("replay", "down", "the recording has not begun", now_us())
        self.counters = {"malformed": 0}
        """The number of unreadable lines."""

    async def instruments(self) -> Mapping[str, Instrument]:
        """See `poller.source.Source.instruments`. Symbols that the recording lacks are unknown, with a warning."""
        recorded = await asyncio.to_thread(self._recorded_scales)
        present = [symbol for symbol in self._symbols if symbol in recorded]
        if not present:
            has = f"try {', '.join(sorted(recorded)[:10])}" if recorded else "there is no price in it"
            raise PollerError(f"SYMBOLS names nothing that FEED's recording {self._path} has; {has}")
        if missing := sorted({*self._symbols} - {*present}):
            logger.warning(RECORDING_INCOMPLETE, self._path, ", ".join(missing))
        info = await asyncio.to_thread(self._exchange_info)
        self._instruments = {symbol: Instrument("trading", its) for symbol, its in recorded.items()}
        for symbol in present:
            if info is not None and (listed := info.instrument(symbol)) is not None:
                self._instruments[symbol] = Instrument("trading", listed.scales)
        return {symbol: self._instruments.get(symbol, _ABSENT) for symbol in self._symbols}

    def doubt(self, symbol: str) -> None:
        """See `poller.source.Source.doubt`: a recording does not change."""

    def serve(self, symbols: Iterable[str]) -> None:
        """See `poller.source.Source.serve`; the rest of the recording has the new symbols."""
        before = self._wanted
        self._wanted = dict.fromkeys(symbols)
        for symbol in self._wanted:
            if symbol not in before:
                self._listener.listed(symbol, self._instruments.get(symbol, _ABSENT))

    async def run(self, listener: Listener) -> None:
        """See `poller.source.Source.run`. Returns at the end of the recording."""
        self.state = LinkState("replay", "up", "", self._now_us())
        self._listener = listener
        time = asyncio.get_running_loop().time
        began_at, began_recorded = time(), None
        for number, line in enumerate(self._lines()):
            if line is None:
                self.counters["malformed"] += 1
                continue
            recorded, message = line
            if self._speed:
                began_recorded = recorded if began_recorded is None else began_recorded
                delay = began_at + (recorded - began_recorded) / self._speed - time()
                if delay > 0 or number % _LINES_AT_ONCE == 0:
                    await asyncio.sleep(max(0.0, delay))
            elif number % _LINES_AT_ONCE == 0:
                await self._room()
            if not message:
                continue
            update = parse_message(message, self._now_us())
            if not isinstance(update, Update):
                self.counters["malformed"] += 1
            elif update.symbol in self._wanted:
                listener.update(update)
        if malformed := self.counters["malformed"]:
            logger.warning(RECORDING_MALFORMED, malformed, self._path)
        self.state = LinkState("replay", "down", "the recording has ended", self._now_us())

    def _lines(self) -> Iterator[tuple[float, bytes] | None]:
        """Read time and message of each line; None for an unreadable line.

        The message is empty if it is of another stream.
        """
        try:
            with self._path.open("rb") as recording:
                for line in recording:
                    if line.strip() and not line.startswith(_HEADERS):
                        yield _split(line)
        except OSError as error:
            raise PollerError(
                f"FEED names {self._path}, which cannot be read ({error.strerror}); name a readable file"
            ) from None

    def _recorded_scales(self) -> dict[str, Scales]:
        scales: dict[str, Scales] = {}
        for line in self._lines():
            update = parse_message(line[1], 0) if line and line[1] else None
            if isinstance(update, Update):
                known = scales.get(update.symbol, Scales(price=0, size=0))
                try:
                    price = _most_decimals(known.price, update.bid, update.ask, update.last)
                    size = _most_decimals(known.size, update.bid_size, update.ask_size, update.volume)
                except DecimalError:
                    # The processor drops and counts this update when it is played.
                    continue
                scales[update.symbol] = Scales(price=price, size=size)
        return scales

    def _exchange_info(self) -> ExchangeInfo | None:
        """The first usable answer beside the recording: the plain body, or lines of ``URL -> time: answer``."""
        for path in sorted(self._path.parent.glob("*exchangeInfo*")):
            try:
                body = path.read_bytes()
                answers = [body, *(line[line.find(b"{") :] for line in body.splitlines() if b"{" in line)]
            except OSError as error:
                logger.warning(RECORDING_UNREADABLE, path, error.strerror)
                continue
            for answer in answers:
                try:
                    return ExchangeInfo(answer)
                except BadExchangeInfoError:
                    continue
            logger.warning(RECORDING_WITHOUT_LISTING, path)
        return None


def _split(line: bytes) -> tuple[float, bytes] | None:
    recorded, _, message = line.partition(b": ")
    try:
        time = float(recorded)
        stream = _named.decode(message).stream
    except (ValueError, *UNREADABLE):
        return None
    if not math.isfinite(time):
        return None
    return time, message if stream.partition("@")[2] in _STREAMS else b""


def _most_decimals(known: int, *values: str | None) -> int:
    return max(known, *(scale_of(value) for value in values if value is not None), 0)

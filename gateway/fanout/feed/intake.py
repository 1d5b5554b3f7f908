"""Ticks from the bus: lets through those that are valid, of a symbol served here, and newer than the one held.

This code runs for every tick. Anybody who can write to the bus may have written it: see `market.wire.codec`.
"""

import asyncio
import logging
from collections.abc import Callable, Container, Mapping, Sequence

from gateway.fanout.feed.continuity import Continuity, Stream
from gateway.fanout.feed.refusals import Refusals
from gateway.fanout.feed.seq_regressions import SeqRegressions
from gateway.fanout.history.ring import Entry, Ring
from gateway.log_events import SEQ_WENT_BACK
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedTick
from market.prices.symbols import Symbols
from market.prices.tick import Tick, highest_seq
from market.wire.codec import MAX_TICK_BYTES, UNREADABLE, CodecError, decode_tick, encode_tick, read_tick
from market.wire.tick_batch import MAX_BATCH_BYTES, encode_batch, read_batch, split_batch

logger = logging.getLogger(__name__)


def ticks_of(entry: Entry) -> list[Tick]:
    """The ticks of a message that `Intake` has put into the ring."""
    return read_batch(entry).ticks if isinstance(entry, bytes) else [read_tick(entry[0])]


class Intake:
    """Takes ticks from a link or from the store."""

    def __init__(
        self,
        symbols: Symbols,
        last: dict[str, FramedTick],
        publish: Callable[[FramedTick], None],
        held: Container[str],
        ring: Ring,
        refuse: Refusals,
        counters: Counters,
        *,
        now_us: Callable[[], int],
    ) -> None:
        """``last`` (symbol → newest tick) is kept up to date. ``publish`` then gets each new tick that is ``held``.

        ``ring`` gets the messages whose ticks were taken, and is cut where others were not.
        """
        self._symbols = symbols
        self._last = last
        self._publish = publish
        self._held = held
        self._ring = ring
        self.continuity = Continuity(ring, symbols)
        """Whether messages are missing."""
        self._refuse = refuse
        self._counters = counters
        self._fan_out = counters.fan_out
        self._now_us = now_us
        self._loop = asyncio.get_running_loop()
        self._regressions = SeqRegressions()
        # Looked up for every tick; nearly always empty.
        self._regressed = self._regressions.by_symbol
        # Symbols that were served before. A link may still deliver some of their ticks: that is no fault.
        self._former: frozenset[str] = frozenset()
        # As of its last use, so that no tick needs to read the clock.
        self._highest_seq = self._highest_us = 0

    def serve(self, symbols: Symbols) -> None:
        """Take ticks of these symbols and of no others from now on."""
        before, now = frozenset(self._symbols), frozenset(symbols)
        self._symbols = symbols
        self.continuity.serve(symbols)
        self._former = (self._former | before) - now
        for symbol in before - now:
            self._last.pop(symbol, None)
            self._regressions.forget(symbol)
        if added := now - before:
            self._ring.cut(added, head_holds=True)

    def highest_seq(self) -> int:
        """The highest valid seq now. The highest valid ``recv_us`` is a thousand times that."""
        self._highest_seq = highest_seq(self._now_us() // 1_000)
        self._highest_us = self._highest_seq * 1_000
        return self._highest_seq

    def tick_received(self, symbol: str, payload: bytes) -> None:
        """Take a message of the topic of ``symbol``."""
        # This runs for every tick. A valid one passes here; anything else is examined below.
        try:
            tick = read_tick(payload) if len(payload) <= MAX_TICK_BYTES else None
        except UNREADABLE:
            tick = None
        if tick is None or tick.symbol != symbol or tick.seq > self._highest_seq or tick.recv_us > self._highest_us:
            tick = self._read(symbol, payload)
            if tick is None:
                return
        if symbol not in self._last and symbol not in self._symbols:
            if symbol not in self._former:
                self._refuse("unknown_symbol", f"{symbol} is not among this gateway's SYMBOLS")
            return
        self._fan_out.took(tick.recv_us)
        if self._take(tick):
            self._ring.append_single(payload)
        self._fan_out.recv_us = 0

    def batch_received(self, stream: Stream, payload: bytes) -> None:
        """Take a batch of ``stream``. It may have symbols that are not served here."""
        try:
            batch = read_batch(payload) if len(payload) <= MAX_BATCH_BYTES else None
        except UNREADABLE:
            batch = None
        term, number, ticks = self._read_each(payload) if batch is None else (batch.term, batch.number, batch.ticks)
        if number >= 0:
            self.continuity.received(stream, term, number)
        last, held_topics, publish, regressed = self._last, self._held, self._publish, self._regressed
        highest_seq, highest_us = self._highest_seq, self._highest_us
        received = taken = 0
        not_taken: list[Tick] | None = None
        if ticks:
            self._fan_out.took(ticks[-1].recv_us)
        # This runs for every tick, mostly for ticks that nobody wants. `_last` has symbols that are served here only.
        for tick in ticks:
            symbol, seq = tick.symbol, tick.seq
            held = last.get(symbol)
            if held is None or held.seq >= seq or seq > highest_seq or tick.recv_us > highest_us or regressed:
                if symbol in self._symbols:
                    if self._is_possible(tick) and self._take(tick):
                        taken += 1
                    else:
                        not_taken = [tick] if not_taken is None else [*not_taken, tick]
                continue
            received += 1
            last[symbol] = framed = FramedTick(symbol, seq, tick)
            if symbol in held_topics:
                publish(framed)
        self._fan_out.recv_us = 0
        self._counters.ticks_received += received
        if received or taken:
            if batch is None or not_taken is not None:
                payload = self._only_taken(ticks, not_taken or ())
            self._ring.append(payload)

    def _only_taken(self, ticks: Sequence[Tick], not_taken: Sequence[Tick]) -> bytes:
        """A batch of those ``ticks`` that were taken."""
        gone = set(map(id, not_taken))
        return encode_batch(
            "", 0, [encode_tick(one) for one in ticks if one.symbol in self._last and id(one) not in gone]
        )

    def _read_each(self, payload: bytes) -> tuple[str, int, list[Tick]]:
        """The term and number of a batch, and its ticks that can be read; the number is -1 if it is no batch."""
        try:
            term, number, parts = split_batch(payload)
        except CodecError as error:
            self._refuse("not_a_batch", str(error))
            return "", -1, []
        ticks = []
        for part in parts:
            try:
                ticks.append(decode_tick(part))
            except CodecError as error:
                self._refuse("not_a_tick", f"in a batch: {error}")
        return term, number, ticks

    def _take(self, tick: Tick) -> bool:
        """Pass ``tick`` on, which is valid and of a symbol served here, if it is newer than the one held."""
        symbol = tick.symbol
        held = self._last.get(symbol)
        if held is not None and held.seq >= tick.seq:
            self._counters.ticks_old += 1
            if held.seq > tick.seq:
                self._regressions.add(tick, self._loop.time())
            else:
                self._regressions.forget(symbol)
            return False
        if self._regressed:
            self._regressions.forget(symbol)
        self._pass_on(tick)
        return True

    def take_stored(self, values: Mapping[str, bytes]) -> None:
        """Take the last values of the store, as far as they are newer than what the link has delivered."""
        newer = set()
        for symbol, payload in values.items():
            tick = self._read(symbol, payload) if symbol in self._symbols else None
            if tick is not None:
                held = self._last.get(symbol)
                if held is None or tick.seq > held.seq:
                    self._pass_on(tick)
                    newer.add(symbol)
        if newer:
            self._ring.cut(newer, head_holds=True)

    def accept_regressions(self, now: float) -> None:
        """Accept the lower numbers of symbols of which nothing else came for long enough."""
        if not self._regressed or not (due := self._regressions.take_due(now)):
            return
        self._counters.numberings_begun += len(due)
        first = due[0]
        held = self._last[first.symbol].seq
        others = f", and {len(due) - 1} other symbols likewise" if due[1:] else ""
        logger.warning(SEQ_WENT_BACK, first.symbol, first.seq, held, others)
        for tick in due:
            self._pass_on(tick)
        self._ring.cut([tick.symbol for tick in due], head_holds=True)

    def bus_link_down(self) -> None:
        """The link is down: what it delivered late is worth nothing."""
        self._regressions.clear()

    def _read(self, symbol: str, payload: bytes) -> Tick | None:
        """The tick of ``payload``; None if it is not a valid tick of ``symbol``."""
        try:
            tick = decode_tick(payload)
        except CodecError as error:
            self._refuse("not_a_tick", f"channel of {symbol}: {error}")
            return None
        if tick.symbol != symbol:
            self._refuse("wrong_symbol", f"a tick of {tick.symbol} came as one of {symbol}")
            return None
        return tick if self._is_possible(tick) else None

    def _is_possible(self, tick: Tick) -> bool:
        """Whether the numbers of ``tick`` can be right now; if not, it is refused."""
        if tick.seq > self._highest_seq or tick.recv_us > self._highest_us:
            highest = self.highest_seq()
            if tick.seq > highest or tick.recv_us > self._highest_us:
                problem = "more than a day ahead; is the poller's clock right, and ours?"
                self._refuse("wrong_seq", f"{tick.symbol} has seq {tick.seq} and recv_us {tick.recv_us}, {problem}")
                return False
        return True

    def _pass_on(self, tick: Tick) -> None:
        self._counters.ticks_received += 1
        # Not the bytes: so blanks, repeated fields and unknown fields go no further.
        self._last[tick.symbol] = framed = FramedTick(tick.symbol, tick.seq, tick)
        if tick.symbol in self._held:
            self._publish(framed)

"""The frames of streams: one more way to write updates, and what else a gateway has to say.

Of all that clients of the gateway's own protocol are told, Binance's have a word only for the end: ``serverShutdown``.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct, UnsetType

from gateway.binance.commands import Commands
from gateway.binance.names import BOOK, MINI, is_of_all
from gateway.binance.payloads import book_ticker, mini_ticker, ticker
from gateway.protocol.channels import STATS, TICKER, Channel
from gateway.protocol.encoding import Encoding, Join, News
from gateway.protocol.forms import FramedTick, forms_of_tick
from gateway.protocol.messages import Message, Shutdown
from gateway.websocket.framing.deflate import LEAST_BYTES, compress
from gateway.websocket.framing.frames import RSV1, TEXT, frame
from market.prices.letters import lower
from market.prices.stats import Stats
from market.prices.tick import Tick

SHUTDOWN: Final = "!serverShutdown"

_COMMANDS: Final = Commands()
_LENGTH_BYTES: Final = 4


class Writing(Struct, frozen=True):
    """How a client wants its messages."""

    combined: bool
    """Whether they are wrapped, with the stream's name."""
    micro: bool
    """Whether times are in microseconds; else in milliseconds."""

    @property
    def divisor(self) -> int:
        """The microseconds in a unit of times."""
        return 1 if self.micro else 1_000

    def text(self, name: str, payload: str) -> bytes:
        """The message of the stream ``name``."""
        return (f'{{"stream":"{name}","data":{payload}}}' if self.combined else payload).encode()

    def frame(self, name: str, payload: str) -> bytes:
        """Its frame; empty for an empty payload."""
        return frame(TEXT, self.text(name, payload)) if payload else b""


class StreamEncoding(Encoding):
    """What the encodings of all streams have in common. A message has one form, its frame."""

    __slots__ = ("_now_us", "writing")

    def __init__(
        self,
        writing: Writing,
        now_us: Callable[[], int],
        body: Callable[[Any], bytes],
        *,
        channel: Channel,
        news: News | None = None,
    ) -> None:
        """``body`` writes an update of ``channel``. ``now_us`` is the time in microseconds since the Unix epoch."""
        self.writing = writing
        self._now_us = now_us
        super().__init__(
            subprotocol="binance",
            opcode=TEXT,
            decoder=_COMMANDS,
            encode=self._encode_message,
            tick_body=body,
            tick_frame=bytes,
            snapshot_frame=bytes,
            batch_payload=b"".join,
            channel=channel,
            news=news,
        )
        (form,) = forms_of_tick(body)
        self.tick_body = self.tick_frame = self.snapshot_frame = form

    def message_frame(self, message: Message) -> bytes:
        """The frame of a message that is no update; empty if Binance's clients would not know it."""
        return super().message_frame(message) if isinstance(message, Shutdown) else b""

    def _encode_message(self, _message: Message) -> bytes:
        now = self._now_us() // self.writing.divisor
        return self.writing.text(SHUTDOWN, f'{{"e":"serverShutdown","E":{now}}}')


def _quote(tick: Tick) -> int | None:
    """The exchange's number of the quote."""
    return None if isinstance(tick.update_id, UnsetType) else tick.update_id


class QuoteEncoding(StreamEncoding):
    """The frames of ``bookTicker``."""

    __slots__ = ()

    def __init__(self, writing: Writing, now_us: Callable[[], int]) -> None:
        """For ``now_us`` see `StreamEncoding`."""

        def body(tick: Tick) -> bytes:
            return writing.frame(f"{lower(tick.symbol)}@{BOOK}", book_ticker(tick))

        super().__init__(writing, now_us, body, channel=TICKER, news=_quote)


class StatsEncoding(StreamEncoding):
    """The frames of streams with figures of 24 hours, of clients that hold the same of them.

    One update becomes a frame for each stream of its symbol. Streams of all symbols have one frame for many updates.
    """

    __slots__ = ("_of_all",)

    def __init__(
        self,
        writing: Writing,
        now_us: Callable[[], int],
        streams: Sequence[str],
        last_tick: Callable[[str], Tick | None],
    ) -> None:
        """``streams`` are kinds of streams of one symbol, and names of those of all. ``last_tick`` has the quotes.

        For ``now_us`` see `StreamEncoding`.
        """
        self._of_all = [name for name in streams if is_of_all(name)]
        kinds = [name for name in streams if not is_of_all(name)]

        def own(stats: Stats) -> bytes:
            frames = []
            for kind in kinds:
                if kind == MINI:
                    payload = mini_ticker(stats, writing.divisor)
                else:
                    payload = ticker(stats, last_tick(stats.symbol), writing.divisor)
                frames.append(writing.frame(f"{lower(stats.symbol)}@{kind}", payload))
            return b"".join(frames)

        def entry_and_own(stats: Stats) -> bytes:
            entry = mini_ticker(stats, writing.divisor).encode()
            return len(entry).to_bytes(_LENGTH_BYTES) + entry + own(stats)

        super().__init__(writing, now_us, entry_and_own if self._of_all else own, channel=STATS)

    def snapshot_frames(self, ticks: Iterable[FramedTick]) -> bytes:
        """The frames of the newest updates."""
        bodies = list(map(self.snapshot_frame, ticks))
        return self._arrays(bodies) if self._of_all else b"".join(bodies)

    def joiner(self, *, batch: bool, deflate: bool = False) -> Join:
        """How a flush becomes bytes; with ``deflate`` the arrays are compressed."""
        if not self._of_all:
            return super().joiner(batch=batch, deflate=deflate)
        return self._compressed_arrays if deflate else self._arrays

    def _arrays(self, bodies: Collection[bytes]) -> bytes:
        return self._joined(bodies, deflate=False)

    def _compressed_arrays(self, bodies: Collection[bytes]) -> bytes:
        return self._joined(bodies, deflate=True)

    def _joined(self, bodies: Collection[bytes], *, deflate: bool) -> bytes:
        entries, frames = [], []
        for body in bodies:
            end = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES])
            entries.append(body[_LENGTH_BYTES:end])
            frames.append(body[end:])
        array = b",".join(filter(None, entries)).decode()
        if array:
            for name in self._of_all:
                text = self.writing.text(name, f"[{array}]")
                small = not deflate or len(text) < LEAST_BYTES
                frames.append(frame(TEXT, text) if small else frame(RSV1 | TEXT, compress(text)))
        return b"".join(frames)


class Encodings:
    """The encodings of one gateway's streams: one object for all clients that take the same, so they share cohorts."""

    def __init__(self, now_us: Callable[[], int], last_tick: Callable[[str], Tick | None]) -> None:
        """``last_tick`` gives the newest tick of a symbol; for ``now_us`` see `StreamEncoding`."""
        self._now_us = now_us
        self._last_tick = last_tick
        self._quotes: dict[Writing, QuoteEncoding] = {}
        self._stats: dict[tuple[Writing, Sequence[str]], StatsEncoding] = {}

    def quotes(self, writing: Writing) -> QuoteEncoding:
        """The encoding of ``bookTicker``."""
        found = self._quotes.get(writing)
        if found is None:
            found = self._quotes[writing] = QuoteEncoding(writing, self._now_us)
        return found

    def stats(self, writing: Writing, streams: Sequence[str]) -> StatsEncoding:
        """The encoding of these ``streams`` of figures; see `StatsEncoding`."""
        key = writing, tuple(streams)
        found = self._stats.get(key)
        if found is None:
            found = self._stats[key] = StatsEncoding(writing, self._now_us, key[1], self._last_tick)
        return found

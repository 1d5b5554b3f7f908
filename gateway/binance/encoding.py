"""The frames of streams: one more way to write ticks, and what else a gateway has to say.

Of all that clients of the gateway's own protocol are told, Binance's have a word only for the end: ``serverShutdown``.
"""

from collections.abc import Callable
from typing import Final

from gateway.binance.commands import Commands
from gateway.binance.payloads import book_ticker
from gateway.protocol.encoding import Encoding
from gateway.protocol.forms import forms_of_tick
from gateway.protocol.messages import Message, Shutdown
from gateway.websocket.framing.frames import TEXT, frame
from market.prices.letters import lower
from market.prices.tick import Tick

SHUTDOWN: Final = "!serverShutdown"

_COMMANDS: Final = Commands()


class StreamEncoding(Encoding):
    """How messages are written for connections that hold the same kinds of streams, wrapped or not."""

    __slots__ = ("_combined", "_now_ms")

    def __init__(self, *, combined: bool, now_ms: Callable[[], int]) -> None:
        """``now_ms`` is the time, in the unit that the clients asked for."""
        self._combined = combined
        self._now_ms = now_ms
        super().__init__(
            subprotocol="binance.combined" if combined else "binance.raw",
            opcode=TEXT,
            decoder=_COMMANDS,
            encode=self._encode_message,
            tick_body=self._book_ticker,
            tick_frame=bytes,
            snapshot_frame=bytes,
            batch_payload=b"".join,
            quotes_only=True,
        )
        # There is nothing around a message: its frame is its only form.
        (self.tick_body,) = (self.tick_frame,) = (self.snapshot_frame,) = forms_of_tick(self._book_ticker)

    def message_frame(self, message: Message) -> bytes:
        """The frame of a message that is no tick; empty if Binance's clients would not know it."""
        return super().message_frame(message) if isinstance(message, Shutdown) else b""

    def text_frame(self, payload: bytes) -> bytes:
        """The frame of an answer."""
        return frame(TEXT, payload)

    def _encode_message(self, _message: Message) -> bytes:
        return self._wrapped(SHUTDOWN, f'{{"e":"serverShutdown","E":{self._now_ms()}}}')

    def _book_ticker(self, tick: Tick) -> bytes:
        payload = book_ticker(tick)
        return frame(TEXT, self._wrapped(f"{lower(tick.symbol)}@bookTicker", payload)) if payload else b""

    def _wrapped(self, name: str, payload: str) -> bytes:
        return (f'{{"stream":"{name}","data":{payload}}}' if self._combined else payload).encode()

"""Last price and volume as plain JSON numbers, on a path of its own: for the plainest client there is.

It knows one message, and would stumble over any other. So it is sent nothing that it has not asked for: no welcome, no
states, no notices. Errors it is sent, and answers to other commands than ``subscribe`` and ``unsubscribe``, or to those
with an ``id``.
"""

from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import UNSET

from gateway.protocol.commands import CommandDecoder
from gateway.protocol.encoding import Encoding
from gateway.protocol.messages import (
    Authenticated,
    Error,
    Message,
    Pong,
    ServedSymbols,
    Subscribed,
    Subscriptions,
    Unsubscribed,
)
from gateway.websocket.framing.frames import TEXT, frame
from market.prices.tick import Tick, unscaled

_ANSWERS: Final = (Error, Pong, ServedSymbols, Subscriptions)
_ANSWERS_BY_ID: Final = (Authenticated, Subscribed, Unsubscribed)

_encode = msgspec.json.Encoder().encode


def plain_number(value: int, scale: int) -> str:
    """A scaled integer as a JSON number, with exactly its digits: ``62520.15``, ``5.2``."""
    text = unscaled(value, scale)
    return text.rstrip("0").rstrip(".") if scale else text


def _trade(tick: Tick) -> bytes:
    if tick.last is UNSET:
        # Where no trade is known there is nothing to say.
        return b""
    price, volume = plain_number(tick.last, tick.price_scale), b""
    if tick.volume is not UNSET:
        volume = f',"volume":{plain_number(tick.volume, tick.size_scale)}'.encode()
    return b'{"symbol":%b,"price":%b%b}' % (_encode(tick.symbol), price.encode(), volume)


def _news(tick: Tick) -> tuple[object, ...] | None:
    """What a client sees of a tick: quotes are none of its business."""
    return None if tick.last is UNSET else (tick.last, tick.volume, tick.price_scale, tick.size_scale)


def _written(message: Message) -> bytes:
    if isinstance(message, _ANSWERS) or (isinstance(message, _ANSWERS_BY_ID) and message.id is not UNSET):
        return _encode(message)
    return b""


def _frame(payload: bytes) -> bytes:
    return frame(TEXT, payload) if payload else b""


def _batch(bodies: Collection[bytes]) -> bytes:
    trades = list(filter(None, bodies))
    return b"[" + b",".join(trades) + b"]" if trades else b""


TRADE: Final = Encoding(
    subprotocol="trade",
    opcode=TEXT,
    decoder=CommandDecoder("JSON", msgspec.json.Decoder),
    encode=_written,
    tick_body=_trade,
    tick_frame=_frame,
    snapshot_frame=_frame,
    batch_payload=_batch,
    wrap=_frame,
    tells_states=False,
    news=_news,
)

"""Whatever decodes what others sent survives JSON and MessagePack that is nested without end, cut off, or not UTF-8."""

import ast
import asyncio
import base64
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bench.clients.audit import ticks_of
from bench.clients.wire import WireError
from gateway.auth import grant, tickets
from gateway.auth.compact import read_compact
from gateway.auth.keys import KeyMaterialError, from_secret
from gateway.auth.keyset import KeySetError, read_jwk, read_key_set
from gateway.protocol.commands import Malformed
from gateway.protocol.json_encoding import JSON
from gateway.protocol.msgpack_encoding import MSGPACK
from loadtest.protocol import _encodings, _messages
from loadtest.users._tokens import expiry_s
from market.wire.codec import CodecError, decode_heartbeat, decode_states, decode_tick
from poller.errors import PollerError
from poller.network.reasons import in_body
from poller.source import NullListener
from poller.venues.binance.messages import error_of, parse_message, parse_quotes, parse_summaries
from poller.venues.coinbase.dialect import CoinbaseDialect
from poller.venues.coinbase.products import read_products
from poller.venues.replay import Replay

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("market", "poller", "gateway", "loadtest", "bench")

DEEP = 100_000
SHORT = 300
"""As deep as what is refused for its length alone cannot be."""
ENDLESS = {
    "list": b"[" * DEEP,
    "objects": b'{"a":' * DEEP,
    "type": b'{"type":' + b"[" * DEEP,
    "inside": b'{"stream":"btcusdt@bookTicker","data":' + b"[" * DEEP,
    "unknown": b'{"symbol":"BTCUSDT","more":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "error": b'{"code":-1,"msg":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "keys": b'{"keys":[' + b"[" * DEEP,
    "msgpack": b"\x91" * DEEP,
    "not UTF-8": b'{"stream":"\xff","symbol":"\xff","type":"\xff","sub":"\xff","kty":"\xff","msg":"\xff"}',
    "cut off": b'{"stream":"btc',
    "nothing": b"",
    "short": b'{"symbol":"BTCUSDT","more":' + b"[" * SHORT + b"]" * SHORT + b"}",
}


def _replayed(payload: bytes, folder: Path) -> None:
    path = folder / "recording.txt"
    path.write_bytes(b"wss://x/stream\n1.0: " + payload.replace(b"\n", b"") + b"\n")

    async def room() -> None:
        return None

    async def play() -> None:
        replay = Replay(["BTCUSDT"], path, speed=0, now_us=lambda: 1, room=room)
        with suppress(PollerError):
            await replay.instruments()
        await replay.run(NullListener())

    asyncio.run(play())


class _Store:
    def __init__(self, value: bytes) -> None:
        self.value = value

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        raise NotImplementedError

    async def take(self, key: str) -> bytes:
        return self.value


def _ticket(payload: bytes, folder: Path) -> None:
    redeemed = tickets.Tickets(_Store(payload), lambda: 0.0).redeem("A" * 43)
    assert asyncio.run(redeemed) is None


def _refusing(read: Callable[[bytes], object], *errors: type[Exception]) -> Callable[[bytes, Path], None]:
    def check(payload: bytes, folder: Path) -> None:
        with suppress(*errors):
            read(payload)

    return check


READERS: dict[str, Callable[[bytes, Path], None]] = {
    "tick": _refusing(decode_tick, CodecError),
    "beat": _refusing(decode_heartbeat, CodecError),
    "states": _refusing(decode_states, CodecError),
    "stream": _refusing(lambda payload: parse_message(payload, 1)),
    "quotes": _refusing(lambda payload: parse_quotes(payload, 1, {"BTCUSDT"})),
    "summaries": _refusing(lambda payload: parse_summaries(payload, 1, {"BTCUSDT"})),
    "error body": _refusing(error_of),
    "words of an answer": _refusing(in_body),
    "Coinbase's stream": _refusing(lambda payload: CoinbaseDialect().parse(payload.decode(errors="replace"), 1)),
    "Coinbase's products": _refusing(read_products),
    "replay": _replayed,
    "command": _refusing(JSON.decode),
    "packed command": _refusing(MSGPACK.decode),
    "claims": _refusing(lambda payload: grant.read_grant(payload, grant.Rules(), 0.0), grant.RefusedError),
    "ticket": _ticket,
    "key set": _refusing(read_key_set, KeySetError),
    "key": _refusing(read_jwk, KeyMaterialError),
    "token header": _refusing(
        lambda payload: read_compact(base64.urlsafe_b64encode(payload[:4000]).rstrip(b"=") + b".e30.AA", ("HS256",)),
        grant.RefusedError,
    ),
    "load test": _refusing(_messages.decode, ValueError, RecursionError),
    "load test, decimals": _refusing(_encodings.DECIMAL.decode, *_messages.UNREADABLE),
    "load test, MessagePack": _refusing(_encodings.MSGPACK.decode, *_messages.UNREADABLE),
    "load test's packed kind": _refusing(_encodings.MSGPACK.kind),
    "load test's claims": _refusing(lambda payload: expiry_s(f"h.{base64.urlsafe_b64encode(payload).decode()}.s")),
    "load test's kind": _refusing(_messages.kind),
    "audit": _refusing(ticks_of, WireError),
}


@pytest.mark.parametrize("payload", ENDLESS)
@pytest.mark.parametrize("reader", READERS)
def test_no_decoder_is_ended_by_what_it_reads(reader: str, payload: str, tmp_path: Path) -> None:
    """It says in its own way that this cannot be read; nothing else comes out."""
    READERS[reader](ENDLESS[payload], tmp_path)


def test_a_client_hears_that_endless_nesting_is_no_message() -> None:
    """It is an answer like any other malformed message."""
    assert isinstance(JSON.decode(ENDLESS["list"]), Malformed)


@pytest.mark.parametrize("depth", [*range(100, 3000, 61), *range(900, 1000, 3)])
def test_a_token_nested_as_deep_as_decoders_go_is_refused(depth: int) -> None:
    """Our decoder and PyJWT's give up at different depths; a token between them is not signed either."""
    header = b'{"alg":"HS256","more":' + b"[" * depth + b"]" * depth + b"}"
    token = base64.urlsafe_b64encode(header).rstrip(b"=") + b".e30.AA"
    assert from_secret("0123456789" * 4).open(token) is None


def _handlers() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ExceptHandler) and node.type is not None:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", ast.unparse(node.type)


def test_what_decoders_raise_has_one_name() -> None:
    """No `except` names a decoder's errors one by one: one of them is always forgotten."""
    assert [] == [place for place, caught in _handlers() if "DecodeError" in caught.replace("UnicodeDecodeError", "")]

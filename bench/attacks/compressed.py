"""Compressed messages that cost far more to read than to send."""

import json
import zlib

from bench.attacks.attack import Attack
from bench.attacks.stranger import DEFLATE, Stranger, Target
from bench.clients.wire import TEXT, client_frame

_COMPRESSED = 0x40 | TEXT
_CONNECTIONS = 4
_LONGEST_BYTES = 262_144
"""Of a message, by default."""
_PING = b'{"type":"ping"}'
_SYMBOL = "C00USDT"
_PER_S = 50


def empty_blocks(count: int, message: bytes) -> bytes:
    """DEFLATE of ``message`` behind ``count`` empty blocks, each with Huffman tables of its own (RFC 1951, 3.2.7).

    To read one takes building its tables; to write one takes 90 bits.
    """
    bits = ""
    for value, width in ((0, 1), (2, 2), (0, 5), (0, 5), (14, 4)):  # not the last; dynamic; 257 + 1 codes; 18 lengths
        bits += f"{value:0{width}b}"[::-1]
    # Of the code lengths' own code only 18 (a run of zeros) and 1 are used, one bit each: 1 is "0", 18 is "1".
    order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)
    bits += "".join("100" if symbol in (1, 18) else "000" for symbol in order)
    zeros = "1" + f"{138 - 11:07b}"[::-1] + "1" + f"{118 - 11:07b}"[::-1]
    # 256 codes of no length, the end of a block with one bit, a distance with one bit; then the end of the block.
    bits += zeros + "0" + "0" + "0"
    # An empty stored block ends at a byte, wherever it begins.
    whole = bits * count + "000"
    whole += "0" * (-len(whole) % 8)
    packed = int(whole[::-1], 2).to_bytes(len(whole) // 8, "little") + b"\x00\x00\xff\xff"
    return packed + deflated(message)


def deflated(message: bytes) -> bytes:
    """A compressed message (RFC 7692, section 7.2.1)."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


def _frame(payload: bytes) -> bytes:
    return client_frame(_COMPRESSED, payload)


_BLANK = _frame(deflated(_PING + b" " * (_LONGEST_BYTES - len(_PING))))


async def _empty(target: Target) -> None:
    await _flood(target, _frame(empty_blocks(22_416, _PING)))


async def _spaces(target: Target) -> None:
    await _flood(target, _BLANK, 100)


async def _spaces_many(target: Target) -> None:
    await _flood(target, _BLANK, 20, connections=100)


async def _flood(target: Target, frame: bytes, per_s: float = 0, *, connections: int = _CONNECTIONS) -> None:
    async def session(stranger: Stranger) -> None:
        await stranger.upgrade(DEFLATE)
        await stranger.repeat(frame, per_s)

    await target.keep(connections, session)


def _listed(kind: str, names: list[str]) -> bytes:
    """A compressed command with as many names as fit into one message."""
    text = json.dumps({"type": kind, "symbols": names}, separators=(",", ":")).encode()
    assert len(text) <= _LONGEST_BYTES
    return _frame(deflated(text))


async def _repeats(target: Target) -> None:
    await _flood(target, _listed("subscribe", ["C00"] * 43_600), _PER_S)


async def _unsubscribes(target: Target) -> None:
    await _flood(target, _listed("unsubscribe", [_SYMBOL] * 26_000), _PER_S)


async def _unknown(target: Target) -> None:
    await _flood(target, _listed("subscribe", [f"X{number:05d}" for number in range(29_000)]), _PER_S)


ATTACKS = (
    Attack(
        "empty-blocks", "255 KB of empty Huffman blocks, 15 bytes inflated, 4 connections, no token", _empty, "EdDSA"
    ),
    Attack("spaces", "256 KB of spaces in 300 bytes, 4 × 100 a second, no token", _spaces, "EdDSA"),
    Attack("spaces-many", "the same where nobody needs a token, 100 clients × 20 a second", _spaces_many),
    Attack("repeats", "a compressed subscribe to 43,600 times one symbol, 4 × 50 a second", _repeats),
    Attack("repeats-unsubscribe", "the same to unsubscribe, 26,000 times", _unsubscribes),
    Attack("unknown-names", "a compressed subscribe to 29,000 names that do not exist, 4 × 50 a second", _unknown),
)

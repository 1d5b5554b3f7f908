"""Figures of 24 hours as bytes on the bus: one symbol's alone, which is kept, and batches of many.

A batch is JSON: ``{"version":1,"stats":{"BTCUSDT":{…},…}}``. Each partition has its own. A gateway keeps the bytes of
each symbol as they come, and decodes what somebody wants. Unknown fields are ignored.
"""

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from market.prices.stats import Stats
from market.prices.symbols import MAX_SYMBOL_BYTES, fits
from market.prices.tick import SymbolName
from market.wire.codec import CodecError, bounded

VERSION: Final = 1
"""Of batches. A reader refuses any other."""
MAX_STATS_BYTES: Final = 2048
"""Ours are half as long at most; those of a newer version may have more fields."""
MOST_IN_BATCH: Final = 500
"""The most symbols in one batch that we write."""
MAX_STATS_BATCH_BYTES: Final = 1 << 20
"""The longest batch that is read."""

_Version = Annotated[int, Meta(ge=VERSION, le=VERSION)]


class _Batch(Struct, frozen=True, kw_only=True, gc=False):
    version: _Version
    stats: dict[SymbolName, Raw]


_encode = msgspec.json.Encoder().encode
_read = bounded("stats", MAX_STATS_BYTES, msgspec.json.Decoder(Stats).decode)
_read_batch = bounded("a batch of stats", MAX_STATS_BATCH_BYTES, msgspec.json.Decoder(_Batch).decode)

encode_stats: Final = _encode
"""Encode a `Stats` as JSON, without the fields that the exchange did not give."""


def decode_stats(payload: bytes) -> Stats:
    """Decode the figures of one symbol.

    Raises:
        CodecError: too long, not JSON, a required field missing, or a wrong type.
    """
    stats = _read(payload)
    if not (stats.symbol.isascii() or fits(stats.symbol)):
        raise CodecError(f"not stats: its symbol is longer than {MAX_SYMBOL_BYTES} bytes")
    return stats


def encode_stats_batch(parts: Iterable[tuple[str, bytes]]) -> bytes:
    """A batch of ``parts``: symbols, and what `encode_stats` made of each."""
    entries = b",".join(_encode(symbol) + b":" + payload for symbol, payload in parts)
    return b'{"version":%d,"stats":{%b}}' % (VERSION, entries)


def split_stats_batch(payload: bytes) -> dict[str, Raw]:
    """Symbol → encoded figures, not decoded yet.

    Raises:
        CodecError: not a batch, of another version, or too long.
    """
    return _read_batch(payload).stats

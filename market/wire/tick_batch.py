"""Many ticks in one message: a batch, of one venue and one partition.

A message costs a gateway some 15 microseconds to receive, whatever it holds; a tick in it costs one or two. The
heartbeat announces batches (`market.wire.status.BatchLayout`).

A batch is JSON: ``{"version":1,"term":"…","number":17,"ticks":[…]}``. Unknown fields are ignored.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from market.prices.tick import Exact, Tick
from market.wire.codec import bounded

VERSION: Final = 1
"""Of batches. A reader refuses any other, since an unknown field cannot change what a known one means."""
MAX_TICKS: Final = 1_000
"""The most ticks in one batch that we write."""
MAX_BATCH_BYTES: Final = 1 << 20
"""The longest batch that is read: `MAX_TICKS` ticks of the greatest length."""

_Version = Annotated[int, Meta(ge=VERSION, le=VERSION)]
_Term = Annotated[str, Meta(max_length=100)]


class TickBatch(Struct, frozen=True, kw_only=True, gc=False):
    """Ticks in their order."""

    version: _Version
    term: _Term
    """One publisher's time as the leader. Numbers begin again with each term."""
    number: Exact
    """How many batches of this term and partition came before."""
    ticks: list[Tick]


class _RawBatch(Struct, frozen=True, kw_only=True, gc=False):
    """A batch whose ticks are not decoded yet."""

    version: _Version
    term: _Term
    number: Exact
    ticks: list[msgspec.Raw]


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(TickBatch)
_read_raw = bounded("a batch", MAX_BATCH_BYTES, msgspec.json.Decoder(_RawBatch).decode)

read_batch: Final = _decoder.decode
"""Decode a batch of at most `MAX_BATCH_BYTES`; raises `market.wire.codec.UNREADABLE`, also for one wrong tick."""


def encode_batch(term: str, number: int, ticks: Iterable[bytes]) -> bytes:
    """The batch of ``ticks``, each encoded (`market.wire.codec.encode_tick`), as JSON."""
    head = b'{"version":%d,"term":%b,"number":%d,"ticks":[' % (VERSION, _encode(term), number)
    return head + b",".join(ticks) + b"]}"


def split_batch(payload: bytes) -> tuple[str, int, Sequence[bytes]]:
    """Term and number of a batch, and its ticks as bytes: for one in which some ticks cannot be read.

    Raises:
        CodecError: not a batch, of another version, or too long.
    """
    batch = _read_raw(payload)
    return batch.term, batch.number, [bytes(tick) for tick in batch.ticks]

"""The ticks of blocks of the ring, as clients get them: made when first wanted, and kept for others that want the same.

After a gateway has died, all its clients ask the others for the same few seconds.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from gateway.fanout.history.ring import Block, Entry
from gateway.protocol.forms import Form, FramedTick
from market.prices.tick import Tick

TicksOf = Callable[[Entry], Iterable[Tick]]
"""Decodes a message of the ring."""

_TICK_BYTES: Final = 128
"""What Python keeps for a tick besides the bytes of its form."""


class DecodedBlock:
    """The ticks of a block in one form: three lists of the same length."""

    __slots__ = ("entries", "forms", "seqs", "size", "topics")

    def __init__(self) -> None:
        self.entries = 0
        """How many messages of the block were decoded."""
        self.topics: list[str] = []
        self.seqs: list[int] = []
        self.forms: list[bytes] = []
        self.size = 0
        """Bytes of memory, approximately."""


class DecodedBlocks:
    """Those used last, bounded in bytes."""

    def __init__(self, limit_bytes: int, ticks_of: TicksOf) -> None:
        self._limit = limit_bytes
        self._ticks_of = ticks_of
        self._kept: OrderedDict[tuple[Block, Form], DecodedBlock] = OrderedDict()
        self.size = 0
        """Bytes of memory, approximately."""
        self.decoded = 0
        """Ticks ever decoded."""

    def of(self, block: Block, form: Form) -> DecodedBlock:
        """The ticks of ``block`` so far in ``form``."""
        key = block, form
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = DecodedBlock()
        else:
            self._kept.move_to_end(key)
        if kept.entries < len(block.entries):
            self._decode(block, form, kept)
            while self.size > self._limit and self._kept:
                self.size -= self._kept.popitem(last=False)[1].size
        return kept

    def _decode(self, block: Block, form: Form, kept: DecodedBlock) -> None:
        before, size = len(kept.seqs), kept.size
        for entry in block.entries[kept.entries :]:
            for tick in self._ticks_of(entry):
                topic, seq = sys.intern(tick.symbol), tick.seq
                kept.topics.append(topic)
                kept.seqs.append(seq)
                made = form(FramedTick(topic, seq, tick))
                kept.forms.append(made)
                kept.size += len(made) + _TICK_BYTES
        kept.entries = len(block.entries)
        self.size += kept.size - size
        self.decoded += len(kept.seqs) - before

"""The newest messages from the bus with all their ticks, bounded in bytes.

Messages are kept as they came: that costs one append for each, and least memory. Nobody decodes them unless a client
wants what it missed (`gateway.fanout.history.decoded`).

They are in blocks. Some blocks know the newest seq of every topic when they began: these are found by bisection, so no
position has to be looked for among all messages. A block also knows the topics of which something may be missing right
before it: it is *cut* there. Topics are opaque.
"""

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Mapping
from typing import Final

from gateway.protocol.forms import FramedTick

Entry = bytes | tuple[bytes]
"""A batch of ticks; or a single one, in a tuple."""

BLOCK_BYTES: Final = 64 * 1024
"""A block is decoded at once: in half a millisecond."""

NEVER: Final = -1
"""The seq of a topic before its first tick."""

_ENTRY_BYTES: Final = 48
"""What Python keeps for a message besides its bytes."""
_SINGLE_BYTES: Final = 56
"""What it keeps more for a tuple."""
_OWN_BYTES: Final = 512
"""What it keeps for a block."""
_BYTES_PER_HEAD: Final = 128
"""A block has heads if so many bytes for each topic came since the last one: 16 times what they take."""
_MOST_CUTS: Final = 16


class Block:
    """Messages that follow each other."""

    __slots__ = ("_cuts", "_heads", "_places", "entries", "gone", "number", "size")

    def __init__(self, number: int) -> None:
        """``number`` counts the blocks of a ring."""
        self.number = number
        self.entries: list[Entry] = []
        self.size = _OWN_BYTES
        """Bytes of memory, approximately."""
        self.gone = False
        """Whether it is no longer in the ring."""
        self._cuts: list[frozenset[str]] = []
        self._heads: array[int] | None = None
        self._places: Mapping[str, int] = {}

    def mark(self, places: Mapping[str, int], heads: "array[int]") -> None:
        """Note the ``heads``: of each topic of ``places``, at its place, the newest seq; see `unsure`."""
        self.size += 0 if self._heads is not None else 8 * len(places)
        self._places, self._heads = places, heads

    @property
    def is_marked(self) -> bool:
        """Whether it knows the newest seq of each topic when it began."""
        return self._heads is not None

    @property
    def is_cut(self) -> bool:
        """Whether ticks of some topics may be missing right before it."""
        return bool(self._cuts)

    @property
    def is_often_cut(self) -> bool:
        """Whether it would cost too much to cut it once more."""
        return len(self._cuts) >= _MOST_CUTS

    def cut(self, topics: frozenset[str]) -> None:
        """Ticks of ``topics`` may be missing right before this block."""
        self._cuts.append(topics)

    def cuts(self, topic: str) -> bool:
        """Whether ticks of ``topic`` may be missing right before it."""
        return any(topic in topics for topics in self._cuts)

    def head(self, topic: str) -> int:
        """The newest seq of ``topic`` when a marked block began."""
        head = self._head(topic)
        return head if head >= NEVER else unsure(head)

    def follows(self, topic: str, seq: int) -> bool:
        """Whether its ticks of ``topic`` are known to follow right behind the one with ``seq``."""
        return self._head(topic) == seq

    def _head(self, topic: str) -> int:
        place = self._places.get(topic)
        return NEVER if place is None or self._heads is None else self._heads[place]


def unsure(seq: int) -> int:
    """How a head is written whose next tick may be missing; and the seq of such a head."""
    return -2 - seq


class Ring:
    """The newest messages, in the order in which they were published here."""

    def __init__(self, limit_bytes: int, newest: Mapping[str, FramedTick]) -> None:
        """Keep up to ``limit_bytes``; 0 keeps nothing. ``newest`` has the newest tick of each topic, kept by others."""
        self._limit = limit_bytes
        self._newest = newest
        self._block_bytes = min(BLOCK_BYTES, max(1, limit_bytes // 8))
        self._places: dict[str, int] = {}
        self._marked: list[Block] = []
        self._unsure: dict[str, int] = {}
        """Topics whose newest tick may not be followed by the next one that comes, and its seq."""
        self._since_mark = 0
        self._full_size = 0
        self._blocks: deque[Block] = deque()
        self._open = Block(0)
        self._begin(self._open)

    @property
    def size(self) -> int:
        """Bytes of memory, approximately."""
        return self._full_size + self._open.size

    @property
    def first(self) -> int:
        """The number of the oldest block."""
        return self._blocks[0].number

    @property
    def newest_block(self) -> Block:
        """The block that grows."""
        return self._open

    def append(self, payload: bytes) -> None:
        """Keep a batch whose ticks were all published."""
        block = self._open
        block.entries.append(payload)
        block.size += len(payload) + _ENTRY_BYTES
        if block.size >= self._block_bytes:
            self._turn()

    def append_single(self, payload: bytes) -> None:
        """Keep a message of a single tick that was published."""
        block = self._open
        block.entries.append((payload,))
        block.size += len(payload) + _ENTRY_BYTES + _SINGLE_BYTES
        if block.size >= self._block_bytes:
            self._turn()

    def cut(self, topics: Collection[str], *, head_holds: bool) -> None:
        """Between what is kept already and what comes, ticks of ``topics`` may be missing.

        If their ``head_holds``, nothing is missing between their newest ticks now and what comes.
        """
        for topic in topics:
            if head_holds:
                self._unsure.pop(topic, None)
            elif topic in self._newest:
                self._unsure[topic] = self._newest[topic].seq
        if self._open.entries or self._open.is_often_cut:
            self._turn(mark=True)
        else:
            self._mark(self._open)
        self._open.cut(frozenset(topics))

    def block(self, number: int) -> Block | None:
        """The block of that number; None if there is none any more, or not yet."""
        place = number - self.first
        return self._blocks[place] if 0 <= place < len(self._blocks) else None

    def start(self, topic: str, seq: int) -> Block | None:
        """The newest block at whose beginning the newest tick of ``topic`` had ``seq`` or less, if there is one."""
        place = bisect_right(self._marked, seq, key=lambda block: block.head(topic))
        return self._marked[place - 1] if place else None

    def _turn(self, *, mark: bool = False) -> None:
        """Begin another block."""
        self._full_size += self._open.size
        self._since_mark += self._open.size
        self._open = Block(self._open.number + 1)
        self._begin(self._open, mark=mark)

    def _begin(self, block: Block, *, mark: bool = False) -> None:
        self._blocks.append(block)
        if mark or not self._marked or self._since_mark >= _BYTES_PER_HEAD * len(self._newest):
            self._mark(block)
        while len(self._blocks) > 1 and self._full_size + self._block_bytes > self._limit:
            self._drop(self._blocks.popleft())

    def _drop(self, oldest: Block) -> None:
        self._full_size -= oldest.size
        oldest.gone = True
        oldest.entries = []
        if self._marked and self._marked[0] is oldest:
            del self._marked[0]
        if not self._marked:
            self._mark(self._open)

    def _mark(self, block: Block) -> None:
        # Both in the same order.
        if tuple(self._newest) != tuple(self._places):
            self._places = {topic: place for place, topic in enumerate(self._newest)}
        newest, heads = self._newest, array("q", [tick.seq for tick in self._newest.values()])
        for topic, seq in tuple(self._unsure.items()):
            if topic in newest and newest[topic].seq == seq:
                heads[self._places[topic]] = unsure(seq)
            else:
                del self._unsure[topic]
        block.mark(self._places, heads)
        self._since_mark = 0
        if not self._marked or self._marked[-1] is not block:
            self._marked.append(block)


class _EmptyRing(Ring):
    """Keeps nothing."""

    def append(self, payload: bytes) -> None:
        """See `Ring.append`."""

    def append_single(self, payload: bytes) -> None:
        """See `Ring.append_single`."""


def open_ring(limit_bytes: int, newest: Mapping[str, FramedTick]) -> Ring:
    """A ring that keeps up to ``limit_bytes``; 0 keeps nothing.

    ``newest`` has the newest tick of each topic, kept by others.
    """
    return Ring(limit_bytes, newest) if limit_bytes > 0 else _EmptyRing(0, newest)

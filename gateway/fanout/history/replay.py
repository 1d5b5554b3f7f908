"""One client's way through the ring: from the positions that it named to now. No I/O.

A position is a topic and the seq of the last tick that the client has. What follows it is what was published here
behind that tick, whatever its number: another poller begins with much higher ones. A position is *found* where the ring
has that very tick, or begins a block right behind it. It is also found if the next tick has the next number. If neither
holds, or the ring is cut behind the position, then ticks are *lost*: the client is told so, and gets the newest.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.history.decoded import DecodedBlock, DecodedBlocks
from gateway.fanout.history.ring import Ring
from gateway.fanout.slow.backlog import topics_of

PIECE_TICKS: Final = 512
"""So many ticks are looked at in one step: up to 100 KB for a client that wants them all."""


class Piece(NamedTuple):
    """What is sent at once."""

    blob: bytes
    ticks: int
    """How many it has."""
    looked_at: int
    """How many were looked at for it."""
    more: bool
    """Whether there is more behind it."""


class Part:
    """What is wanted with one set of options."""

    __slots__ = ("form", "join", "topics")

    def __init__(self, subscription: Subscription, topics: Iterable[str]) -> None:
        self.topics = set(topics)
        encoding, batch = subscription.encoding, subscription.batch
        self.form = encoding.form(batch=batch)
        # Never compressed: this is for one client alone, and would delay the others.
        self.join = encoding.joiner(batch=batch)


class Replay:
    """The positions of one client, and how far it has come."""

    def __init__(self, ring: Ring, decoded: DecodedBlocks, wants: Sequence[Subscription], since: Mapping[str, int]):
        """``since`` has positions of topics of which every tick is wanted; ``wants`` is all that is wanted."""
        self._ring = ring
        self._decoded = decoded
        self.positions = dict(since)
        """Of each topic that is on its way, the seq of the newest tick that the client has."""
        self._sought = dict(since)
        """Positions that are not found yet."""
        self._found: set[str] = set()
        """Those of them whose next tick will follow."""
        self.lost: list[str] = []
        """Topics whose next tick may not follow. Call `drop` with them."""
        self._parts = [
            Part(one, one.topics & since.keys()) for one in wants if one.rule == "every" and one.topics & since.keys()
        ]
        starts = {topic: ring.start(topic, seq) for topic, seq in since.items()}
        for topic, block in starts.items():
            if block is None:
                self._lose(topic)
        self._number = min((block.number for block in starts.values() if block), default=ring.newest_block.number)
        self._place = 0
        """How many ticks of that block were looked at."""
        self._entered = False

    @property
    def sought(self) -> Mapping[str, int]:
        """Positions of topics of which no tick was taken yet, or none since the ring was cut."""
        return self._sought

    def drop(self, topics: Iterable[str]) -> None:
        """Take nothing more of ``topics``."""
        for topic in tuple(topics):
            self.positions.pop(topic, None)
            self._sought.pop(topic, None)
            self._found.discard(topic)
            for part in self._parts:
                part.topics.discard(topic)
        self.lost = [topic for topic in self.lost if topic in self.positions]

    def take(self) -> Piece:
        """The next piece."""
        block = self._ring.block(self._number)
        if block is None:
            # The ring has gone on without this client.
            self._number, self._place, self._entered = self._ring.first, 0, False
            self._seek(self.positions)
            block = self._ring.block(self._number)
            assert block is not None
        if not self._entered:
            self._entered = True
            if block.is_cut:
                self._seek([topic for topic in self.positions if block.cuts(topic)])
            if block.is_marked:
                self._found.update(topic for topic, seq in self._sought.items() if block.follows(topic, seq))
        blob, count, length, place = b"", 0, 0, self._place
        for part in self._parts:
            if part.topics:
                decoded = self._decoded.of(block, part.form)
                length = len(decoded.seqs)
                forms = self._pick(part, decoded, place)
                if forms:
                    blob += part.join(forms)
                    count += len(forms)
        self._place = min(place + PIECE_TICKS, length)
        more = self._place < length
        if not more and block is not self._ring.newest_block:
            more = True
            self._number, self._place, self._entered = self._number + 1, 0, False
        return Piece(blob, count, min(PIECE_TICKS, max(0, length - place)), more)

    def _pick(self, part: Part, decoded: DecodedBlock, place: int) -> list[bytes]:
        """Of the next ticks of ``decoded`` those that are wanted."""
        topics, positions, sought = part.topics, self.positions, self._sought
        upto = place + PIECE_TICKS
        forms: list[bytes] = []
        for topic, seq, form in zip(
            decoded.topics[place:upto], decoded.seqs[place:upto], decoded.forms[place:upto], strict=True
        ):
            if topic in topics and (topic not in sought or self._follows(topic, seq)):
                forms.append(form)
                positions[topic] = seq
        return forms

    def _follows(self, topic: str, seq: int) -> bool:
        """Whether a tick of ``topic``, whose position is sought, follows that position."""
        since = self._sought[topic]
        if topic in self._found or seq == since + 1:
            if seq > since:
                del self._sought[topic]
                self._found.discard(topic)
                return True
        elif seq > since:
            self._lose(topic)
        if seq == since:
            self._found.add(topic)
        return False

    def _lose(self, topic: str) -> None:
        self.lost.append(topic)
        for part in self._parts:
            part.topics.discard(topic)

    def _seek(self, topics: Iterable[str]) -> None:
        for topic in topics:
            self._sought[topic] = self.positions[topic]
            self._found.discard(topic)


def without(wants: Sequence[Subscription], topics: Iterable[str]) -> tuple[Subscription, ...]:
    """``wants`` without ``topics``, which are not sent yet."""
    gone = frozenset(topics)
    if not gone & topics_of(wants):
        return tuple(wants)
    left = [
        Subscription(one.topics - gone, one.encoding.partial, one.batch, one.deflate, one.max_hz, one.rule)
        for one in wants
    ]
    return tuple(one for one in left if one.topics)

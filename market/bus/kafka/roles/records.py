"""Records: how messages, last values and marks lie in the two topics.

``ticks``: the key of a record is its topic on the bus, and the value is the payload. A barrier has the header
``barrier``. A record with the header ``values`` has last values that are not sent, packed (MessagePack, pairs of topic
and payload).

``last``: the key is the topic, and the value is its last payload. A record with a header ``ticks`` is a mark:
everything before these offsets of ``ticks`` (with commas between them, by partition) is in ``last``. Each publisher has
a mark of its own, whose key begins with a zero byte.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple, cast

import msgspec
from confluent_kafka import Message as Record

from market.bus.broker import Batch, Message
from market.bus.partitions import in_partition, partition_of

BARRIER: Final = "barrier"
VALUES: Final = "values"
MARK: Final = "ticks"
_MARK_KEY: Final = b"\0mark."
_PACK_BYTES: Final = 256 * 1024
"""A record is far below the megabyte that brokers take, unless one payload is not."""

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(list[tuple[str, bytes]])

Headers = list[tuple[str, str | bytes | None]]


class Draft(NamedTuple):
    """A record to be written."""

    partition: int
    key: bytes | None
    value: bytes
    headers: Headers | None = None


def drafts(batch: Batch, partitions: int) -> Iterator[Draft]:
    """The records of ``ticks`` for ``batch``: in each partition values, updates, events, barrier."""
    kept: dict[int, list[Message]] = {}
    for message in batch.values:
        kept.setdefault(partition_of(message[0], partitions), []).append(message)
    for partition, messages in kept.items():
        for pack in _packs(messages):
            yield Draft(partition, None, _encode(pack), [(VALUES, b"")])
    for topic, payload in chain(batch.updates, batch.events):
        yield Draft(partition_of(topic, partitions), topic.encode(), payload)
    if batch.barrier is not None:
        barrier, beat = batch.barrier
        for partition in range(partitions):
            yield Draft(partition, barrier.encode(), beat, [(BARRIER, b"")])


def last_drafts(values: Mapping[str, bytes], publisher: str, offsets: Sequence[int]) -> Iterator[Draft]:
    """The records of `last` for ``values`` and for a mark behind them."""
    for topic, payload in values.items():
        yield Draft(0, topic.encode(), payload)
    places = ",".join(map(str, offsets)).encode()
    yield Draft(0, _MARK_KEY + publisher.encode(), b"", [(MARK, places)])


def header(record: Record, name: str) -> bytes | None:
    """The value of a header of ``record``; None if it has none of that name."""
    headers = cast("list[tuple[str, bytes | None]]", record.headers() or [])
    for its_name, value in headers:
        if its_name == name:
            return value or b""
    return None


def values_of(record: Record) -> Iterable[Message]:
    """The last values in a record of ``ticks``. Whatever others have written there is no error."""
    key, value = record.key(), record.value()
    if not isinstance(value, bytes):
        return ()
    if header(record, VALUES) is not None:
        try:
            return _decoder.decode(value)
        except msgspec.MsgspecError:
            return ()
    if key is None or header(record, BARRIER) is not None:
        return ()
    topic = _text(key)
    # Events are not kept.
    return () if _is_event(topic) else ((topic, value),)


def mark_of(record: Record) -> tuple[bytes, tuple[int, ...]] | None:
    """The publisher and offsets of a mark; None if a record of `last` is none, or cannot be read."""
    places, key = header(record, MARK), record.key()
    if places is None or key is None:
        return None
    try:
        return _bytes(key), tuple(map(int, places.split(b",")))
    except ValueError:
        return None


def topic_of(record: Record) -> str:
    """The topic on the bus of a record that has a key."""
    return _text(record.key() or b"")


class Translator:
    """Makes messages of the records of ``ticks``, for one subscription."""

    def __init__(self, topics: Iterable[str], partitions: int) -> None:
        """Find what is wanted of each partition."""
        self._plain: dict[int, dict[bytes, str]] = {}
        self._barriers: dict[int, dict[bytes, list[str]]] = {}
        for topic in topics:
            number, sign, name = topic.partition("#")
            self._plain.setdefault(partition_of(topic, partitions), {})[topic.encode()] = topic
            if sign and number.isdecimal() and in_partition(name, int(number)) == topic:
                self._barriers.setdefault(int(number), {}).setdefault(name.encode(), []).append(topic)
            else:
                self._barriers.setdefault(0, {}).setdefault(topic.encode(), []).append(topic)
        wanted = sorted(number for number in {*self._plain, *self._barriers} if 0 <= number < partitions)
        self.partitions = wanted or [0]
        """The partitions that have to be read: at least one, as only who reads sees that a broker is alive."""

    def __call__(self, record: Record, *, is_history: bool = False) -> Sequence[Message]:
        """The messages of ``record``, of subscribed topics.

        If it was there before the subscription, a barrier is left out: it says that its publisher is alive now.
        """
        key, number = record.key(), record.partition() or 0
        if key is None:
            return ()
        key = _bytes(key)
        plain = self._plain.get(number, {}).get(key)
        barriers = self._barriers.get(number, {}).get(key)
        if plain is None and barriers is None:
            return ()
        value = record.value()
        if not isinstance(value, bytes):
            return ()
        if header(record, BARRIER) is not None:
            return [] if is_history else [(topic, value) for topic in barriers or ()]
        return () if plain is None or header(record, VALUES) is not None else ((plain, value),)


def _is_event(topic: str) -> bool:
    number, sign, _ = topic.partition("#")
    return bool(sign) and number.isascii() and number.isdecimal()


def _bytes(key: str | bytes) -> bytes:
    return key if isinstance(key, bytes) else key.encode()


def _text(key: str | bytes) -> str:
    return key.decode(errors="replace") if isinstance(key, bytes) else key


def _packs(messages: Sequence[Message]) -> Iterator[list[Message]]:
    pack: list[Message] = []
    size = 0
    for message in messages:
        if pack and size + len(message[1]) > _PACK_BYTES:
            yield pack
            pack, size = [], 0
        pack.append(message)
        size += len(message[1])
    if pack:
        yield pack

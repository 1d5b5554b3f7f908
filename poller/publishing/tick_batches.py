"""What is published at once: in each partition a batch of ticks, and behind them all the heartbeat. No I/O."""

from collections.abc import Iterable, Sequence

from market.bus import Batch, Message, in_partition, partition_of
from market.prices.tick import Tick
from market.prices.venues import DEFAULT_VENUE
from market.wire.codec import encode_heartbeat, encode_states, encode_tick
from market.wire.status import BatchLayout, Heartbeat, States
from market.wire.tick_batch import MAX_TICKS, VERSION, encode_batch
from market.wire.topics import batch_topic, heartbeat_topic, states_topic, tick_topic


class TickBatches:
    """The batches of one venue, numbered in each partition."""

    def __init__(self, partitions: int, *, symbol_channels: bool, venue: str = DEFAULT_VENUE) -> None:
        """Spread the symbols over ``partitions``.

        With ``symbol_channels`` each tick is also sent on its symbol's own topic.
        """
        self.layout = BatchLayout(version=VERSION, partitions=partitions)
        """What heartbeats announce."""
        self._symbol_channels = symbol_channels
        self._topics = [in_partition(batch_topic(venue), partition) for partition in range(partitions)]
        self._heartbeat_topic = heartbeat_topic(venue)
        self._states_topic = states_topic(venue)
        self._term = ""
        self._numbers = [0] * partitions
        self._places: dict[str, tuple[int, str]] = {}
        """Symbol → its partition, and the topic of its ticks."""

    def begin(self, term: str) -> None:
        """Another term has begun: number from 0 again."""
        self._term = term
        self._numbers = [0] * len(self._numbers)

    def batch(self, ticks: Sequence[Tick], heartbeat: Heartbeat | None = None, states: States | None = None) -> Batch:
        """``ticks`` in their order, ``states`` to be kept, and ``heartbeat`` behind both.

        If it is not published, readers see by the numbers that something is missing.
        """
        messages: list[Message] = []
        parts: list[list[bytes]] = [[] for _ in self._topics]
        for tick in ticks:
            partition, topic = self._place(tick.symbol)
            payload = encode_tick(tick)
            messages.append((topic, payload))
            parts[partition].append(payload)
        kept: Iterable[Message] = () if self._symbol_channels else dict(messages).items()
        stated = () if states is None else ((self._states_topic, encode_states(states)),)
        return Batch(
            updates=messages if self._symbol_channels else (),
            values=(*kept, *stated),
            events=[message for partition, part in enumerate(parts) for message in self._messages(partition, part)],
            barrier=None if heartbeat is None else (self._heartbeat_topic, encode_heartbeat(heartbeat)),
        )

    def _place(self, symbol: str) -> tuple[int, str]:
        place = self._places.get(symbol)
        if place is None:
            topic = tick_topic(symbol)
            place = self._places[symbol] = partition_of(topic, len(self._topics)), topic
        return place

    def _messages(self, partition: int, ticks: Sequence[bytes]) -> Iterable[Message]:
        for start in range(0, len(ticks), MAX_TICKS):
            number = self._numbers[partition]
            self._numbers[partition] += 1
            yield self._topics[partition], encode_batch(self._term, number, ticks[start : start + MAX_TICKS])

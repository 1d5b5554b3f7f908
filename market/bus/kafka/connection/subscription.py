"""Reads records as they come, in a thread of its own, and hands them to the event loop.

The event loop is woken once for all records that are there. The thread asks for more when the event loop has taken
them, so a busy event loop gets fewer and larger batches.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from market.bus.broker import Message as BusMessage
from market.bus.broker import Receiver, nothing
from market.bus.errors import BusDownError
from market.bus.kafka.connection.client import KafkaClient
from market.bus.kafka.connection.faults import GONE, explained
from market.bus.kafka.connection.pulse import Pulse

_AT_ONCE: Final = 200
"""A history is handed over in pieces of so many records, so that the event loop does other work between them."""
_HISTORY_S: Final = 15.0
"""The longest that a history may take to be read."""
_REACH_S: Final = 1.0
_LOOK_S: Final = 0.003
_WAIT_S: Final = 0.25
"""How long the thread waits for a record before it looks whether it is to end."""


class Translate(Protocol):
    """Makes messages of a record, if any of them is wanted."""

    def __call__(self, record: Message, *, is_history: bool) -> Sequence[BusMessage]:
        """The messages; ``is_history`` says whether the record was there before the subscription."""


class KafkaSubscription:
    """See `market.bus.BusSubscription`."""

    def __init__(
        self,
        client: KafkaClient,
        consumer: Consumer,
        positions: dict[int, int],
        ends: Mapping[int, int],
        pulse: Pulse,
        translate: Translate,
        receive: Receiver,
    ) -> None:
        """Read ``ticks`` with ``consumer`` from ``positions`` (partition → offset) on.

        What is before ``ends`` is history. ``translate`` makes messages of a record. ``pulse`` takes the statistics of
        ``consumer``.
        """
        self._client = client
        self._consumer = consumer
        self._topic = client.url.ticks
        self.positions = positions
        """Of each partition the offset behind what was handed on."""
        self._ends = ends
        # Of the thread alone: the ends of partitions whose history has not been read yet.
        self._behind = {number: end for number, end in ends.items() if positions.get(number, end) < end}
        self._told_so = not self._behind
        self._reached = dict(positions)
        """Of each partition the offset up to which everything has been handed on."""
        self._translate = translate
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self._caught_up: asyncio.Future[None] = self._loop.create_future()
        if not self._behind:
            self._caught_up.set_result(None)
        self.received_at = self._loop.time()
        self.missed = asyncio.Event()
        """Never set: whatever happens, reading goes on where it stood."""
        self.on_interrupt = nothing
        """Not called, for the same reason."""
        self.interrupted = False
        """Whether a partition has no broker now."""
        self._closed_at: float | None = None
        self._closing = threading.Event()
        self._taken = threading.Event()
        pulse.told = lambda seconds: self._tell(self._pulse_told, seconds)
        consumer.assign([TopicPartition(self._topic, number, offset) for number, offset in positions.items()])
        threading.Thread(target=self._run, name="kafka subscription", daemon=True).start()

    async def caught_up(self) -> None:
        """Wait until the history has been handed on: what is read elsewhere from now on is not newer than that.

        Raises:
            BusDownError: it was lost before, or that takes too long.
        """
        await asyncio.wait((self._caught_up, self.lost), timeout=_HISTORY_S, return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done() or not self._caught_up.done():
            late = f"{self._client.url.place} did not answer in time"
            raise BusDownError(self.lost.result() if self.lost.done() else late)

    async def until_reached(self, ends: Mapping[int, int]) -> None:
        """Wait until everything before ``ends`` has been handed on, if that is so within a second."""
        wanted = {number: end for number, end in ends.items() if number in self._reached}
        until = self._loop.time() + _REACH_S
        while not self.lost.done() and self._loop.time() < until:
            if all(self._reached[number] >= end for number, end in wanted.items()):
                return
            # The thread could say so for each record; that would cost more than these few looks.
            await asyncio.sleep(_LOOK_S)

    def ping(self) -> None:
        """See `market.bus.BusSubscription.ping`. Every broker is asked all the time, so nothing has to be done."""

    def close(self) -> None:
        """See `market.bus.BusSubscription.close`."""
        self._lose("closed")

    def idle_s(self) -> float:
        """The seconds since this was closed or lost; 0 while it is not."""
        return 0.0 if self._closed_at is None else self._loop.time() - self._closed_at

    def _run(self) -> None:
        """Read until closed (in the thread)."""
        consumer = self._consumer
        try:
            while not self._closing.is_set():
                # Not `consume` alone: it would wait for as many as it may return.
                if (first := consumer.poll(_WAIT_S)) is not None:
                    self._pass_on([first, *consumer.consume(_AT_ONCE, 0)])
        except (KafkaException, RuntimeError) as error:
            self._tell(self._lose, str(error))
        finally:
            consumer.close()

    def _pass_on(self, records: Sequence[Message]) -> None:
        messages: list[BusMessage] = []
        positions: dict[int, int] = {}
        reached: dict[int, int] = {}
        for record in records:
            if (error := record.error()) is None:
                number, offset = record.partition() or 0, record.offset() or 0
                messages += self._translate(record, is_history=offset < self._ends.get(number, 0))
                positions[number] = offset + 1
                reached[number] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                # The last records may be ends of transactions, which nobody is handed.
                reached[record.partition() or 0] = record.offset() or 0
            elif error.code() in GONE or error.fatal():
                self._tell(self._lose, explained(error, self._client.url, self._topic))
                return
            elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                # librdkafka tries again by itself; a link over which nothing comes is replaced.
                self._client.told(error)
        if positions:
            self._taken.clear()
            if self._tell(self._deliver, messages, positions):
                self._taken.wait()
        self._reached.update(reached)
        for number, position in reached.items():
            self._read_to(number, position)
        if not self._behind and not self._told_so:
            self._told_so = True
            self._tell(self._history_read)

    def _read_to(self, number: int, position: int) -> None:
        if self._behind and position >= self._behind.get(number, position + 1):
            del self._behind[number]

    def _tell(self, call: Callable[..., None], *arguments: object) -> bool:
        """Have the event loop call it; False if there is none any more."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            self._closing.set()
            return False
        return True

    def _deliver(self, messages: Sequence[BusMessage], positions: Mapping[int, int]) -> None:
        if not self.lost.done():
            self.received_at = self._loop.time()
            self.positions.update(positions)
            if messages:
                self._receive(messages)
        self._taken.set()

    def _history_read(self) -> None:
        if not self._caught_up.done():
            self._caught_up.set_result(None)

    def _pulse_told(self, silent_s: float | None) -> None:
        self.interrupted = silent_s is None
        if silent_s is not None:
            self.received_at = max(self.received_at, self._loop.time() - silent_s)

    def _lose(self, reason: str) -> None:
        self._closing.set()
        self._taken.set()
        if not self.lost.done():
            self._closed_at = self._loop.time()
            self.lost.set_result(reason)

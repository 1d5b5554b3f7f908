"""A bus with its pollers, a gateway's end of it, and clients that come from another gateway; on a virtual clock."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.feed.intake import Intake, ticks_of
from gateway.fanout.feed.refusals import Refusals
from gateway.fanout.history.history import History
from gateway.fanout.history.replays import Replays
from gateway.fanout.hub import Hub
from gateway.fanout.pacing.flush_scheduler import Throttle
from gateway.fanout.pacing.load import LoopLoad
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedStatus, FramedTick
from market.prices.symbols import parse_symbols
from market.prices.tick import Tick
from market.wire.status import BatchLayout
from market.wire.tick_batch import read_batch
from poller.publishing.tick_batches import TickBatches
from tests.fakes import RecordingMember, tick

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
PARTITIONS = 2
JUMP = 10_000
NOW_MS = 1_795_299_376_232
LAYOUTS = {"binance": BatchLayout(version=1, partitions=PARTITIONS)}


class Client(RecordingMember):
    """A client that has had all ticks up to some positions, from another gateway."""

    def __init__(self, wants: tuple[Subscription, ...], since: Mapping[str, int]) -> None:
        super().__init__(wants[0].encoding)
        self.wants = wants
        self.since = dict(since)
        self.tokens = 0
        self.came_at = 0
        """How many ticks the gateway had published then."""

    def charge(self, tokens: int) -> None:
        self.tokens += tokens

    def keep(self, wants: tuple[Subscription, ...]) -> None:
        assert self.wants == wants
        self.wants = wants

    def of(self, symbol: str) -> list[dict[str, Any]]:
        """What it got of ``symbol``, in order; each tick of a batch by itself."""
        messages = [one for message in self.messages() for one in message.get("ticks", [message])]
        return [one for one in messages if one.get("symbol") == symbol]

    def seqs(self, symbol: str) -> list[int]:
        return [one["seq"] for one in self.of(symbol) if one.get("type") != "snapshot" and "seq" in one]

    def gaps(self, symbol: str) -> list[tuple[int, int | None]]:
        return [(one["from_seq"], one.get("to_seq")) for one in self.of(symbol) if one.get("type") == "gap"]


class Everything:
    """Has all topics in it."""

    def __contains__(self, topic: object) -> bool:
        return True


class World:
    """Pollers publish on a bus; a gateway reads it, as far as the test lets it."""

    def __init__(self, history_bytes: int = 1_000_000, *, channels: bool = False) -> None:
        self.log: dict[str, list[int]] = {symbol: [] for symbol in SYMBOLS}
        """Everything that was ever published on the bus."""
        self.passed: list[tuple[str, int]] = []
        """Everything that the gateway has taken, held or not."""
        self.last: dict[str, FramedTick] = {}
        self.states: dict[str, FramedStatus] = {}
        self.counters = Counters()
        loop = asyncio.get_running_loop()
        load = LoopLoad(loop.time, lambda: 0.0)
        self.hub = Hub(self.last, self.states, self.counters, lag_timeout_s=1e9, throttle=Throttle(), load=load)
        self.history = History(history_bytes, self.last, ticks_of)
        self.ring = self.history.ring
        self.replays = Replays(self.hub, self.history, self.last, self.states, self.counters, timer=loop.time)
        self.intake = Intake(
            parse_symbols(",".join(SYMBOLS)),
            self.last,
            self._publish,
            Everything(),
            self.ring,
            Refusals(self.counters),
            self.counters,
            now_us=lambda: NOW_MS * 1000,
        )
        self._channels = channels
        self._store: dict[str, bytes] = {}
        self._term = 0
        self._batches = TickBatches(PARTITIONS, symbol_channels=True)
        self._batches.begin("0")
        self._on_the_way: deque[tuple[str, bytes]] = deque()
        self.linked = False
        self.link()
        self.publish(*SYMBOLS)
        self.deliver()

    def _publish(self, framed: FramedTick) -> None:
        self.passed.append((framed.topic, framed.seq))
        if framed.topic in self.hub.held:
            self.hub.publish(framed)

    # The bus.

    def publish(self, *symbols: str, jump: int = 1) -> None:
        """Publish a tick of each of ``symbols``, in one publish."""
        ticks = []
        for symbol in symbols:
            seq = (self.log[symbol][-1] if self.log[symbol] else 0) + jump
            self.log[symbol].append(seq)
            ticks.append(tick(symbol, seq))
        self._send(ticks)

    def _send(self, ticks: Iterable[Tick]) -> None:
        batch = self._batches.batch(tuple(ticks))
        self._store.update(batch.updates)
        if self.linked:
            self._on_the_way.extend(batch.updates if self._channels else batch.events)

    def take_over(self) -> None:
        """Another poller leads: it publishes all symbols once, with higher numbers."""
        self._term += 1
        self._batches.begin(str(self._term))
        self.publish(*SYMBOLS, jump=JUMP)

    # The gateway.

    def link(self) -> None:
        """A new link: subscribe, then read the store."""
        self.linked = True
        layouts = {"binance": None} if self._channels else LAYOUTS
        self.intake.continuity.subscribed(layouts)
        stored = dict(self._store)
        self.intake.continuity.subscribed(layouts)
        self.intake.take_stored({topic.removeprefix("tick."): payload for topic, payload in stored.items()})

    def lose_link(self) -> None:
        """The link is lost, and what it had not delivered."""
        self.linked = False
        self._on_the_way.clear()
        self.intake.bus_link_down()

    def lose_message(self) -> None:
        """A message is lost and the link is not: one that others of its term and partition follow."""
        for place, (topic, payload) in enumerate(self._on_the_way):
            if self._channels:
                return
            later = tuple(self._on_the_way)[place + 1 :]
            if any(topic == other and read_batch(payload).term == read_batch(its).term for other, its in later):
                del self._on_the_way[place]
                return

    def deliver(self, most: int = 1_000_000) -> None:
        """The gateway reads so many of the messages that wait for it."""
        for _ in range(min(most, len(self._on_the_way))):
            topic, payload = self._on_the_way.popleft()
            if self._channels:
                self.intake.tick_received(topic.removeprefix("tick."), payload)
            else:
                partition = int(topic.partition("#")[0])
                self.intake.batch_received(self.intake.continuity.stream("binance", partition, PARTITIONS), payload)

    # Clients.

    def come(self, since: Mapping[str, int], **options: Any) -> Client:
        """A client comes with these positions."""
        client = Client((Subscription(frozenset(since), rule="every", **options),), since)
        client.came_at = len(self.passed)
        self.hub.add(client)
        self.ask(client, since)
        return client

    def ask(self, client: Client, since: Mapping[str, int] | None = None, named: Iterable[str] = ()) -> None:
        """It wants something else, or the same again."""
        move = self.replays.move
        client.wants = move(
            client, client.wants, named=tuple(named), since=since, charge=client.charge, keep=client.keep
        )

    def check(self, client: Client, symbol: str, *, exact: bool = False) -> None:
        """It got everything that was published on the bus behind its position, in order; a gap is what it lacks.

        What the gateway itself has missed since it came is not announced.
        """
        position = client.since[symbol]
        log = self.log[symbol]
        ours = [seq for topic, seq in self.passed if topic == symbol]
        live = {seq for topic, seq in self.passed[client.came_at :] if topic == symbol}
        gap: tuple[int, int | None] | None = None
        for one in client.of(symbol):
            kind = one.get("type", "tick")
            if kind == "gap":
                assert not exact
                assert gap is None
                gap = one["from_seq"], one.get("to_seq")
                assert position + 1 == gap[0]
            elif kind == "snapshot":
                assert gap is not None
                assert one["seq"] in log
                if gap[1] is None:
                    assert one["seq"] <= position
                else:
                    assert one["seq"] - 1 == gap[1]
                    assert gap[1] >= gap[0]
                gap, position = None, one["seq"]
            elif kind == "tick":
                assert gap is None
                seq = one["seq"]
                if not (position in log and log.index(position) + 1 < len(log) and log[log.index(position) + 1] == seq):
                    assert not exact, (position, seq)
                    if seq != position + 1:
                        assert seq in live, (symbol, position, seq)
                        assert position == ours[ours.index(seq) - 1]
                position = seq
        assert gap is None
        assert position == self.last[symbol].seq

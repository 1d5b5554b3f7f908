"""All clients that are on their way through the history, and how each joins its cohorts.

A client that asks for what it missed of a topic is not in the topic's cohort until it was sent everything that was
published before. It gets pieces from the ring, each when its socket has taken the one before, so a long history is no
queue. At the end of the ring it joins, in the same turn of the event loop: so nothing is missed, sent twice, or out of
order. All replays together take a part of the loop's time only.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from msgspec import UNSET

from gateway.fanout.cohorts.member import Member, Subscription
from gateway.fanout.history.history import History
from gateway.fanout.history.replay import Replay, without
from gateway.fanout.hub import Hub
from gateway.fanout.slow.backlog import topics_of
from gateway.log_events import REPLAY_NOT_SENT
from gateway.metrics.counters import Counters
from gateway.protocol.forms import FramedStatus, FramedTick
from gateway.protocol.messages import Gap

Wants = tuple[Subscription, ...]
Charge = Callable[[int], None]
Keep = Callable[[Wants], None]

SLICE_S: Final = 0.003
"""All replays together take no longer than this at a time; prices go out between."""
PAUSE_S: Final = 0.003
"""From one slice to the next."""
IDLE_S: Final = 0.02
"""The same if nobody could be sent anything."""

AHEAD_S: Final = 3.0
"""A client may be ahead of us, by what its former gateway read sooner. If we have not caught up with it by then, its
position is none of ours: the symbol's numbering has begun anew, or the position is invented."""

DECODED_TICKS: Final = 50
"""So many ticks cost one token to decode and write."""
_COPIED_TICKS: Final = 700
"""The same if they are decoded already."""

logger = logging.getLogger(__name__)


class _Client:
    """One client on its way."""

    __slots__ = ("ahead_until", "charge", "due", "keep", "replay", "seen", "states", "wants")

    def __init__(
        self, wants: Wants, replay: Replay, states: Mapping[str, FramedStatus | None], charge: Charge, keep: Keep
    ) -> None:
        self.wants = wants
        self.replay = replay
        self.states = states
        """What it knows of the states of its topics."""
        self.charge = charge
        self.keep = keep
        self.ahead_until = float("inf")
        """When we wait for its positions no longer, in the event loop's time."""
        self.seen = -1
        """How many ticks had come when it was at the end of the ring, and could not join yet."""
        self.due = 0
        """What was not charged yet, in ticks that were copied."""


class Replays:
    """The clients that are on their way through the ring."""

    def __init__(
        self,
        hub: Hub,
        history: History,
        last: Mapping[str, FramedTick],
        states: Mapping[str, FramedStatus],
        counters: Counters,
        *,
        timer: Callable[[], float],
    ) -> None:
        """``last`` and ``states`` have the newest of each topic; ``timer`` measures slices, in seconds."""
        self._hub = hub
        self._ring, self._decoded = history.ring, history.decoded
        self._last = last
        self._states = states
        self._counters = counters
        self._timer = timer
        self._loop = asyncio.get_running_loop()
        self._clients: dict[Member, _Client] = {}
        self._scheduled: asyncio.Handle | None = None

    def __contains__(self, connection: Member) -> bool:
        return connection in self._clients

    def __len__(self) -> int:
        return len(self._clients)

    def move(
        self,
        connection: Member,
        wants: Wants,
        *,
        named: Collection[str] = (),
        since: Mapping[str, int] | None = None,
        charge: Charge,
        keep: Keep,
    ) -> Wants:
        """See `Hub.move`. What ``connection`` missed of topics behind the positions ``since`` follows by itself.

        Other topics that are ``named`` are not resumed, even if their replay had begun. ``charge`` receives tokens for
        work that follows, and ``keep`` an object equal to ``wants`` that others share.
        """
        client = self._clients.pop(connection, None)
        if client is None and not since:
            return self._hub.move(connection, wants)
        every = topics_of([one for one in wants if one.rule == "every"])
        positions = dict(client.replay.positions) if client else {}
        given_up = [topic for topic in positions if topic not in every and topic not in named]
        positions = {topic: seq for topic, seq in positions.items() if topic in every and topic not in named}
        for topic, seq in (since or {}).items():
            newest = self._last.get(topic)
            # Most topics are quiet: nothing was missed, and nothing has to be looked for.
            if newest is None or newest.seq != seq:
                positions[topic] = seq
        shared = self._hub.move(connection, without(wants, positions))
        if given_up and (held := topics_of(wants).intersection(given_up)):
            # It may have every tick no longer, and gets the newest ones from now on.
            self._hub.send_snapshots(connection, held)
        if not positions:
            return shared
        replay = Replay(self._ring, self._decoded, wants, positions)
        known = {topic: self._states.get(topic) for topic in positions} if self._states else {}
        self._clients[connection] = _Client(wants, replay, known, charge, keep)
        self._look_in(0)
        return wants

    def remove(self, connection: Member) -> None:
        """``connection`` is gone."""
        self._clients.pop(connection, None)

    def send_states(self, connection: Member, topics: Iterable[str]) -> None:
        """Write the state of each of ``topics`` that is not live. Those on their way get theirs when they arrive."""
        client = self._clients.get(connection)
        self._hub.send_states(connection, [one for one in topics if not client or one not in client.replay.positions])

    def _look_in(self, seconds: float) -> None:
        if self._scheduled is None:
            self._scheduled = self._loop.call_later(seconds, self._run)

    def _run(self) -> None:
        """Send pieces to all that can take one, in turn, while there is time."""
        self._scheduled = None
        until = self._timer() + SLICE_S
        waiting = deque(self._clients.items())
        sent = False
        while waiting:
            connection, client = waiting.popleft()
            if self._clients.get(connection) is not client or not connection.drained:
                continue
            if client.seen == self._counters.ticks_received and self._loop.time() < client.ahead_until:
                # It waits for what is not there yet.
                continue
            try:
                more = self._step(connection, client)
            except Exception:
                # Our own error with one client must not end the replays of all.
                logger.exception(REPLAY_NOT_SENT)
                self.remove(connection)
                connection.abort("a fault of ours")
                continue
            if self._clients.get(connection) is client:
                # Those that had their turn come last, also in the next slice.
                del self._clients[connection]
                self._clients[connection] = client
                if more:
                    sent = True
                    waiting.append((connection, client))
            if self._timer() >= until:
                break
        if self._clients:
            self._look_in(PAUSE_S if sent else IDLE_S)

    def _step(self, connection: Member, client: _Client) -> bool:
        """Send one piece, or end the replay; return whether there may be more at once."""
        before = self._decoded.decoded
        piece = client.replay.take()
        self._charge(client, piece.looked_at, self._decoded.decoded - before)
        if piece.blob:
            connection.enqueue(piece.blob)
            self._counters.fan_out.bytes_sent += len(piece.blob)
            self._counters.ticks_sent += piece.ticks
            self._counters.ticks_resumed += piece.ticks
        if client.replay.lost:
            self._give_up(connection, client, client.replay.lost)
        if not piece.more and client.replay.positions:
            self._arrive(connection, client)
        return piece.more

    def _charge(self, client: _Client, looked_at: int, decoded: int) -> None:
        client.due += looked_at + decoded * _COPIED_TICKS // DECODED_TICKS
        tokens, client.due = divmod(client.due, _COPIED_TICKS)
        if tokens:
            client.charge(tokens)

    def _arrive(self, connection: Member, client: _Client) -> None:
        """All that the ring has was sent."""
        lost, ahead = [], set()
        for topic, seq in client.replay.sought.items():
            newest = self._last.get(topic)
            if newest is None or newest.seq < seq:
                ahead.add(topic)
            elif newest.seq > seq:
                lost.append(topic)
        if lost:
            self._give_up(connection, client, lost)
        arrived = client.replay.positions.keys() - ahead
        if arrived:
            self._join(connection, client, arrived)
            connection.enqueue(self._states_of(connection, client, arrived))
        if not ahead:
            return
        client.seen = self._counters.ticks_received
        now = self._loop.time()
        client.ahead_until = min(client.ahead_until, now + AHEAD_S)
        if now >= client.ahead_until:
            self._give_up(connection, client, tuple(ahead))

    def _join(self, connection: Member, client: _Client, topics: Collection[str]) -> None:
        """``connection`` gets everything of ``topics`` that is published from now on."""
        client.replay.drop(topics)
        shared = self._hub.move(connection, without(client.wants, client.replay.positions))
        if not client.replay.positions:
            del self._clients[connection]
            client.keep(shared)

    def _give_up(self, connection: Member, client: _Client, topics: Sequence[str]) -> None:
        """Something of ``topics`` is missing: say so, and go on with the newest tick of each."""
        positions = {topic: client.replay.positions[topic] for topic in topics}
        self._join(connection, client, topics)
        encoding = connection.encoding
        forms = {topic: one for one in client.wants for topic in one.topics & positions.keys()}
        blob = b""
        for topic, seq in positions.items():
            newest = self._last.get(topic)
            if newest is not None and newest.seq == seq + 1:
                # Nothing is missing but this one.
                batch, form = forms[topic].batch, forms[topic].encoding
                blob += form.joiner(batch=batch)([form.form(batch=batch)(newest)])
                self._counters.ticks_resumed += 1
            else:
                upto = UNSET if newest is None or newest.seq <= seq else newest.seq - 1
                blob += encoding.message_frame(Gap(symbol=topic, from_seq=seq + 1, to_seq=upto))
                blob += b"" if newest is None else forms[topic].encoding.snapshot_frame(newest)
                self._counters.gaps += 1
            self._counters.ticks_sent += newest is not None
        connection.enqueue(blob + self._states_of(connection, client, topics))

    def _states_of(self, connection: Member, client: _Client, topics: Iterable[str]) -> bytes:
        """The states of ``topics`` that are not live, or have changed meanwhile."""
        if not self._states:
            return b""
        states = [(self._states.get(topic), client.states.get(topic)) for topic in topics]
        news = [now for now, known in states if now and (now is not known or now.message.state != "live")]
        self._counters.states_sent += len(news)
        return b"".join(map(connection.encoding.status_frame, news))

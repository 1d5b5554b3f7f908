"""The connections that want exactly the same thing: one blob for all of them per flush.

What is pending is not kept here but by the cohort's group (`gateway.fanout.group`). A member that does not
drain leaves the members and costs nothing until `gateway.fanout.slow_consumers` brings it back.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from gateway.fanout.member import Member, Missed, Wishes
from gateway.fanout.window import ALONE_BYTES, BURST_MARK_BYTES, MARK_BYTES, STEP_BYTES, Marks
from gateway.metrics import Counters
from gateway.protocol.encoding import Join
from gateway.protocol.forms import Forms, FramedStatus, FramedTick

_COMPRESSED_AT_ONCE = 4
"""Compressing the ticks of a thousand symbols takes milliseconds."""


class Cohort:
    """Members with equal wishes.

    Every connection of the cohort is in exactly one of three places: a member, a newcomer (joined
    since the last flush), or, outside, a laggard.
    """

    __slots__ = (
        "_clock", "_counters", "_due_states", "_form", "_join", "_join_plain", "_lags", "_marks", "_members", "_names",
        "_newcomers", "_step", "laggards", "watched", "wishes",
    )  # fmt: skip

    def __init__(
        self,
        wishes: Wishes,
        lags: Callable[["Cohort", Member, Missed], None],
        counters: Counters,
        *,
        marks: Marks | None = None,
        clock: Callable[[], float] | None = None,
        watched: bool = False,
    ) -> None:
        """``lags`` is told of a member that does not drain or read, and keeps it until it joins again.

        With ``marks``, which take a ``clock``, it is watched how far the members have read.
        """
        self.wishes = wishes
        self._names = tuple(wishes.symbols)
        self._lags = lags
        self._counters = counters
        self._form = wishes.encoding.form(batch=wishes.batch)
        self._join = wishes.encoding.joiner(batch=wishes.batch, deflate=wishes.deflate)
        self._join_plain = wishes.encoding.joiner(batch=wishes.batch, deflate=False)
        self._members: dict[Member, int] = {}
        """Each with the newest mark that it has answered, or that was sent before it joined."""
        self._newcomers: dict[Member, int] = {}
        """Each with the stamp of the newest tick when it joined."""
        self.watched = watched
        """Whether its members are `Member.watched`."""
        self._clock = clock
        self._marks = marks
        self._step = STEP_BYTES
        """Bytes until the marks are looked at."""
        self._due_states: dict[str, FramedStatus] = {}
        """States still to be sent to all members and newcomers, those first that wait for longest."""
        self.laggards = 0

    @property
    def due_states(self) -> Collection[str]:
        """Symbols whose states are still to be sent to all; who joined later has been told them already."""
        return self._due_states.keys()

    def __len__(self) -> int:
        return len(self._members) + len(self._newcomers) + self.laggards

    def flush_newest(self, window: Forms, since: int) -> None:
        """Write the ticks of ``window``, newest of each symbol, that this cohort holds.

        ``since`` is the stamp of the newest tick that was published before any of them.
        """
        forms = window[self._form]
        names = self._names
        # Both loops run once for every cohort and flush: whichever is shorter.
        if len(forms) <= len(names):
            symbols = self.wishes.symbols
            parts = [form for symbol, form in forms.items() if symbol in symbols]
        else:
            parts = list(filter(None, map(forms.get, names)))
        if parts:
            self._flush(parts, since, window.ticks.values())

    def flush_every(self, ticks: Collection[FramedTick], since: int) -> None:
        """Write every one of ``ticks`` that this cohort holds, in order; ``since`` as for `flush_newest`."""
        form, symbols = self._form, self.wishes.symbols
        parts = [form(tick) for tick in ticks if tick.symbol in symbols]
        if parts:
            self._flush(parts, since, ticks)

    def _flush(self, parts: list[bytes], since: int, ticks: Iterable[FramedTick]) -> None:
        members = self._members
        if members:
            blob = self._join(parts)
            if self.wishes.conflate:
                mark = None
                if self._marks is not None:
                    mark = self._marks.newest
                    self._step -= len(blob)
                    if self._step < 0:
                        blob += self._mark(self._marks, since, len(parts))
                slow = [member for member in members if not member.send(blob)]
                for member in slow:
                    self.lag(member, Missed(since, len(parts)), mark)
            else:
                for member in members:
                    member.enqueue(blob)
            self._counters.ticks_sent += len(parts) * len(members)
        if self._newcomers:
            newcomers, self._newcomers = self._newcomers, {}
            # To each its own; where many came at once, compressing each would hold everybody up.
            join = self._join if len(newcomers) <= _COMPRESSED_AT_ONCE else self._join_plain
            for newcomer, joined in newcomers.items():
                members[newcomer] = self._newest_mark
                self.send(newcomer, [tick for tick in ticks if tick.stamp > joined], join)

    def _mark(self, marks: Marks, since: int, count: int, most: int = MARK_BYTES) -> bytes:
        """Let those go who have not read what was sent; the ping to send behind what is about to be, or nothing.

        ``since`` and ``count`` say what those miss of it, as for `Missed`. For ``most`` see `Marks.step`.
        """
        assert self._clock is not None
        now, size = self._clock(), STEP_BYTES - self._step
        self._step = STEP_BYTES
        for member in marks.late(self._members, now):
            # Where we are the ones who are late, its answer is here.
            if not member.unheard:
                self.lag(member, Missed(since, count))
        return marks.step(size, now, most)

    def answered(self, member: Member, number: int, now: float) -> bool:
        """``member`` has read everything up to a mark; whether it was sent that one, and had not answered it."""
        marks, before = self._marks, self._members.get(member, 0)
        if marks is None or not marks.answer(member, number, before, now):
            return False
        self.read_up_to(member, number)
        return True

    def read_up_to(self, member: Member, number: int) -> None:
        """``member`` has answered every mark up to this number."""
        if member in self._members:
            self._members[member] = max(self._members[member], min(number, self._newest_mark))

    @property
    def _newest_mark(self) -> int:
        return 0 if self._marks is None else self._marks.newest

    def send(self, member: Member, ticks: Collection[FramedTick], join: Join | None = None) -> None:
        """Write those of ``ticks`` that this cohort holds to one of the members only, put together by ``join``."""
        held = [tick for tick in ticks if tick.symbol in self.wishes.symbols]
        if held:
            blob = (join or self._join)([self._form(tick) for tick in held])
            if not self._write(member, blob, len(held)):
                newest = max(tick.stamp for tick in held)
                self.lag(member, Missed(newest, len(held), {tick.symbol for tick in held}))

    def send_snapshots(self, member: Member, ticks: Collection[FramedTick], stamp: int) -> None:
        """Write ``ticks`` as snapshots to one of the members only; ``stamp`` is that of the newest tick there is."""
        if not ticks:
            return
        blob = self.wishes.encoding.snapshot_frames(ticks)
        is_much = len(blob) > ALONE_BYTES and self.wishes.conflate
        if is_much or not self._write(member, blob, len(ticks)):
            self.lag(member, Missed(stamp, snapshots={tick.symbol for tick in ticks}, begins=is_much))

    def slice_blob(
        self, ticks: Collection[FramedTick], snapshots: Collection[str], states: Collection[FramedStatus]
    ) -> bytes:
        """The bytes of ``ticks``, those of ``snapshots`` as snapshots, and behind them ``states``."""
        plain = [self._form(tick) for tick in ticks if tick.symbol not in snapshots]
        blob = self.wishes.encoding.snapshot_frames([tick for tick in ticks if tick.symbol in snapshots])
        self._counters.ticks_sent += len(ticks)
        self._counters.states_sent += len(states)
        return blob + (self._join(plain) if plain else b"") + self._states_blob(states)

    def publish_states(self, states: Mapping[str, FramedStatus], since: int) -> bool:
        """Write those of ``states`` that this cohort holds to all of it, where that is not much; no tick is pending.

        Returns whether some are left for `send_due_states`. ``since`` is the stamp of the newest tick that was
        published before any of them.
        """
        symbols = self.wishes.symbols
        if len(states) <= len(symbols):
            held = {symbol: status for symbol, status in states.items() if symbol in symbols}
        else:
            held = {symbol: states[symbol] for symbol in self._names if symbol in states}
        if not held:
            return False
        self._members.update(dict.fromkeys(self._newcomers, self._newest_mark))
        self._newcomers.clear()
        if not self.wishes.conflate:
            blob = self._states_blob(held.values())
            for member in self._members:
                member.enqueue(blob)
            self._counters.states_sent += len(held) * len(self._members)
            return False
        begins = not self._due_states
        self._due_states.update(held)
        return self.send_due_states(since, begins=True) if begins else True

    def send_due_states(self, since: int, pending: Collection[FramedTick] = (), *, begins: bool = False) -> bool:
        """Write some kilobytes of the states that are still to be sent; whether there are more.

        Where a burst ``begins``, its first piece tells who does not read at all.
        ``pending`` are ticks that are still to be flushed, all of them published after the stamp ``since``.
        """
        due, members, newcomers = self._due_states, self._members, self._newcomers
        states: list[FramedStatus] = []
        size = 0
        for status in due.values():
            size += len(self.wishes.encoding.status_frame(status))
            if size > STEP_BYTES and states:
                break
            states.append(status)
        if members or newcomers:
            blob = self._states_blob(states)
            self._step -= len(blob)
            mark = self._newest_mark
            begins = begins and len(states) < len(due)
            if self._marks is not None and (begins or self._step < 0):
                most = 0 if begins else BURST_MARK_BYTES
                blob += self._mark(self._marks, since, self._count(pending, since), most)
            slow = [member for member in (*members, *newcomers) if not member.send(blob)]
            self._counters.states_sent += len(states) * (len(members) + len(newcomers) - len(slow))
            for member in slow:
                after = max(since, newcomers.get(member, 0))
                self.lag(member, Missed(after, self._count(pending, after)), mark)
            for status in states:
                del due[status.message.symbol]
        else:
            # Who lags is owed them all.
            due.clear()
        return bool(due)

    def send_states(self, member: Member, states: Collection[FramedStatus], stamp: int) -> None:
        """Write ``states`` to one of the members only; ``stamp`` is that of the newest tick there is."""
        blob = self._states_blob(states)
        is_much = len(blob) > ALONE_BYTES
        if not self.wishes.conflate:
            member.enqueue(blob)
        elif is_much or not member.send(blob):
            symbols = {status.message.symbol for status in states}
            self.lag(member, Missed(stamp, states=symbols, begins=is_much))
            return
        self._counters.states_sent += len(states)

    def _count(self, pending: Collection[FramedTick], since: int) -> int:
        return sum(tick.stamp > since and tick.symbol in self.wishes.symbols for tick in pending)

    def _states_blob(self, states: Iterable[FramedStatus]) -> bytes:
        return b"".join(map(self.wishes.encoding.status_frame, states))

    def _write(self, member: Member, blob: bytes, count: int) -> bool:
        if not self.wishes.conflate:
            member.enqueue(blob)
        elif not member.send(blob):
            return False
        self._counters.ticks_sent += count
        return True

    def lag(self, member: Member, missed: Missed, mark: int | None = None) -> None:
        """Let ``member`` go, which is known to be late, or is not here any more.

        ``mark`` is the newest that it was sent, where that is not the newest there is.
        """
        self._leave(member, mark)
        # Younger ones it is owed by their stamps.
        due = self._due_states.items()
        missed.states.update(symbol for symbol, status in due if status.stamp <= missed.stamp)
        self.laggards += 1
        self._lags(self, member, missed)

    def join(self, member: Member, stamp: int, *, pending: bool) -> None:
        """Take ``member`` in: it gets every tick published after ``stamp``, the newest there is, and none before.

        ``pending`` says whether anything before is still to be flushed.
        """
        if pending:
            self._newcomers[member] = stamp
        else:
            self._members[member] = self._newest_mark

    def leave(self, member: Member) -> int:
        """Let ``member`` go; returns the stamp up to which it has seen what is pending."""
        joined = self._newcomers.get(member, 0)
        self._leave(member)
        return joined

    def _leave(self, member: Member, mark: int | None = None) -> None:
        self._newcomers.pop(member, None)
        answered = self._members.pop(member, None)
        if answered is not None and self._marks is not None:
            self._marks.leave(member, answered, self._marks.newest if mark is None else mark)

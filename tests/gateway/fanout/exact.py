"""The exact check of a client's messages: each state as often as allowed, each tick counted once."""

import asyncio
from collections import Counter

from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.pacing.flush_scheduler import Throttle
from gateway.fanout.slow.backlog import topics_of
from tests.fakes import RecordingMember
from tests.gateway.fanout.test_hub import Market, answer, assert_only_growing, settle

QUIET = "QUIET"
"""A symbol without ticks, always held in a conflating set: without one a client gets no lag counts."""


class Stalling(RecordingMember):
    """A member that may stop draining with any write, which still fits into the socket's buffer."""

    _writes_left: int | None = None

    def stall_after(self, writes: int) -> None:
        """Stop draining with the last of this many writes; at once if it is 0."""
        self.draining, self._writes_left = writes > 0, writes or None

    def drain(self) -> None:
        """Drain again, and do not stop."""
        self.draining, self._writes_left = True, None

    def send(self, blob: bytes) -> bool:
        written = super().send(blob)
        if self._writes_left is not None:
            self.stall_after(self._writes_left - 1)
        return written


class Ledger:
    """One client's record: its subscriptions over time, the ticks meanwhile, and its requests."""

    def __init__(self, market: Market, member: Stalling) -> None:
        self.market, self.member = market, member
        self.held: frozenset[str] = frozenset()
        self.allowed_states: Counter[tuple[str, int]] = Counter()
        """How often a state may be sent, by symbol and version."""
        self._spans: list[tuple[str, int, int, bool]] = []
        """Symbols that it held, from the tick behind one offset up to another, and whether every tick was due."""
        self._every: frozenset[str] = frozenset()
        self._since: dict[str, int] = {}

    def _newest(self, symbol: str) -> int:
        return self.market.last[symbol].seq if symbol in self.market.last else 0

    def holds(self, wants: tuple[Subscription, ...]) -> None:
        """Change its subscription, and expect the states of new symbols."""
        symbols = topics_of(wants) if wants else frozenset()
        self.asks(symbols - self.held)
        for symbol in self.held - symbols:
            self._spans.append((symbol, self._since.pop(symbol), self._newest(symbol), symbol in self._every))
        self._since.update((symbol, self._newest(symbol)) for symbol in symbols - self.held)
        self.held = symbols
        self._every = frozenset().union(*(one.topics for one in wants if one.rule == "every"))

    def asks(self, symbols: frozenset[str]) -> None:
        """Expect snapshots and states of these symbols."""
        for symbol in symbols & self.market.states.keys():
            self.allowed_states[symbol, self.market.states[symbol].message.since_us] += 1

    def check_states(self) -> None:
        """No state came more often than its changes and requests."""
        messages = self.member.messages()
        told = Counter((one["symbol"], one["since_us"]) for one in messages if one["type"] == "symbol_status")
        assert {} == told - self.allowed_states

    def check_counts(self) -> None:
        """Every tick was sent, is counted as replaced, or was the newest when its symbol was unsubscribed."""
        came: set[tuple[str, int]] = set()
        counted = 0
        for message in self.member.messages():
            counted += message.get("conflated", 0)
            came.update((one["symbol"], one["seq"]) for one in message.get("ticks", [message]) if "seq" in one)
        replaced = 0
        for symbol, after, last, every in self._spans:
            if every:
                # What was pending is dropped with it.
                last = max((seq for name, seq in came if name == symbol and seq <= last), default=after)
            replaced += sum((symbol, seq) not in came for seq in range(after + 1, last))
        assert replaced == counted

    def closes(self) -> None:
        """It holds nothing any more."""
        self.holds(())


async def play_exactly(story: list[tuple[object, ...]], throttle: Throttle, *names: str, rated: bool) -> None:
    """Run ``story`` for clients that hold nothing at first, and check each client's messages."""
    market = Market(lag_timeout_s=1000, throttle=throttle)
    ledgers = [Ledger(market, Stalling()) for _ in range(3)]
    for ledger, rtt_s in zip(ledgers[1:], (0.01, 0.01), strict=True):
        ledger.member.rtt_s = rtt_s
    ledgers[-1].member.watched = True
    for ledger in ledgers:
        market.hub.add(ledger.member)
        hold(market, ledger, (Subscription(frozenset(names)),))
    for event in story:
        match event:
            case ("publish", str(symbol)):
                market.publish(symbol)
            case ("tell", frozenset(symbols), ("live" | "halted" | "delisted") as state):
                # What it may be told is known before it is told.
                versions = {symbol: market.version + number for number, symbol in enumerate(symbols, 1)}
                for ledger in ledgers:
                    for symbol in symbols & ledger.held:
                        ledger.allowed_states[symbol, versions[symbol]] += 1
                market.change_states(*symbols, state=state)
            case ("hold", int(who), tuple(wants)):
                hold(market, ledgers[who], wants)
            case ("again", int(who), str(symbol)):
                ledgers[who].asks(ledgers[who].held & {symbol})
                market.hub.send_snapshots(ledgers[who].member, ledgers[who].held & {symbol})
            case ("stall", int(who), int(writes)):
                ledgers[who].member.stall_after(writes)
            case ("drain", int(who)):
                ledgers[who].member.drain()
            case ("read", int(who)):
                answer(market, ledgers[who].member)
            case ("read late", int(who)):
                market.hub.read_late(ledgers[who].member)
            case ("pass", float(seconds)):
                await asyncio.sleep(seconds)
    for ledger in ledgers:
        ledger.member.drain()
    for _ in range(30):
        await asyncio.sleep(4)
        for ledger in ledgers:
            answer(market, ledger.member)
    await settle()
    for ledger in ledgers:
        ledger.closes()
        assert_only_growing(ledger.member)
        ledger.check_states()
        if not rated:
            ledger.check_counts()


def hold(market: Market, ledger: Ledger, wants: tuple[Subscription, ...]) -> None:
    """Subscribe to this, and to `QUIET`."""
    quiet = Subscription(
        frozenset({QUIET}), max_hz=None, encoding=wants[0].encoding if wants else ledger.member.encoding
    )
    joined = [one for one in wants if one.topics]
    for number, one in enumerate(joined):
        if (one.batch, one.max_hz, one.rule) == (quiet.batch, quiet.max_hz, quiet.rule):
            joined[number] = Subscription(one.topics | quiet.topics, one.encoding)
            break
    else:
        joined.append(quiet)
    before = ledger.held
    ledger.holds(tuple(joined))
    ledger.member.encoding = quiet.encoding
    market.hub.move(ledger.member, tuple(joined))
    market.hub.send_snapshots(ledger.member, sorted(ledger.held - before))

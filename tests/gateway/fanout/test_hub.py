"""Delivery of ticks, in any order of events."""

import asyncio
import functools
import gc
import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.cohorts.window import Window
from gateway.fanout.hub import Hub
from gateway.fanout.pacing.flush_scheduler import Throttle
from gateway.fanout.pacing.load import LoopLoad
from gateway.fanout.slow.backlog import topics_of
from gateway.metrics.counters import Counters
from gateway.protocol.encoding import Encoding
from gateway.protocol.forms import FramedStatus, FramedTick
from gateway.protocol.json_encoding import JSON
from gateway.protocol.messages import Status, Subscribed, SymbolStatus
from gateway.protocol.msgpack_encoding import MSGPACK
from market.prices.stats import Stats
from market.wire.status import SymbolState
from tests.fakes import RecordingMember, run_virtual, tick


class Market:
    """A hub with last values and a source of ticks; no sockets, virtual time."""

    def __init__(self, lag_timeout_s: float = 10, throttle: Throttle | None = None) -> None:
        """With a ``throttle`` the event loop counts as busy all the time, else as idle."""
        self.last: dict[str, FramedTick] = {}
        self.states: dict[str, FramedStatus] = {}
        self.version = 0
        self.counters = Counters()
        self.hub = Hub(
            self.last,
            self.states,
            self.counters,
            lag_timeout_s=lag_timeout_s,
            throttle=throttle or Throttle(),
            load=LoopLoad(asyncio.get_running_loop().time, itertools.count(step=int(throttle is not None)).__next__),
        )

    def publish(self, symbol: str) -> int:
        held = self.last.get(symbol)
        seq = held.seq + 1 if held else 1
        framed = FramedTick(symbol, seq, tick(symbol, seq))
        self.last[symbol] = framed
        if symbol in self.hub.held:
            self.hub.publish(framed)
        return framed.seq

    def change_states(self, *symbols: str, state: SymbolState = "halted") -> None:
        """Change the state of ``symbols``; ``since_us`` has the order, and ``reason`` the tick before it."""
        changed = []
        for symbol in symbols:
            self.version += 1
            held = self.last.get(symbol)
            message = SymbolStatus(
                symbol=symbol, state=state, reason=str(held.seq if held else 0), since_us=self.version
            )
            self.states[symbol] = framed = FramedStatus(message)
            changed.append(framed)
        self.hub.publish_states(changed)

    def held(self, member: RecordingMember) -> frozenset[str]:
        return frozenset().union(*(cohort.subscription.topics for cohort in self.hub.membership.cohorts_of(member)))

    def state_of(self, symbol: str) -> str:
        return self.states[symbol].message.state if symbol in self.states else "live"

    def join(self, *symbols: str, snapshot: bool = True, **subscription: Any) -> RecordingMember:
        member = RecordingMember(subscription.get("encoding", JSON))
        self.hub.add(member)
        self.want(member, symbols, snapshot=snapshot, **subscription)
        return member

    def want(
        self,
        member: RecordingMember,
        symbols: Iterable[str],
        *,
        snapshot: bool = True,
        confirm: bool = False,
        **subscription: Any,
    ) -> None:
        symbols = frozenset(symbols)
        self.hold(
            member, (Subscription(symbols, **subscription),) if symbols else (), snapshot=snapshot, confirm=confirm
        )

    def hold(
        self, member: RecordingMember, wants: tuple[Subscription, ...], *, snapshot: bool = True, confirm: bool = False
    ) -> None:
        """The same with several sets of options."""
        symbols, held = topics_of(wants), self.held(member)
        assert wants == self.hub.move(member, wants)
        if confirm:
            member.reply(member.encoding.message_frame(Subscribed(symbols=sorted(symbols))))
        if snapshot:
            self.hub.send_snapshots(member, sorted(symbols - held))
        else:
            self.hub.send_states(member, sorted(symbols - held))


def seqs(member: RecordingMember) -> dict[str, list[int]]:
    """The seqs that ``member`` got of each symbol, in order; lag notices and statuses aside."""
    got: dict[str, list[int]] = {}
    for message in member.messages():
        for one in message.get("ticks", [message]):
            if "seq" in one:
                got.setdefault(one["symbol"], []).append(one["seq"])
    return got


def assert_only_growing(member: RecordingMember) -> None:
    """Every tick is newer than all before it of its symbol; a snapshot may repeat the newest."""
    newest: dict[str, int] = {}
    for message in member.messages():
        for one in message.get("ticks", [message]):
            if "seq" in one:
                least = newest.get(one["symbol"], 0) + (message["type"] != "snapshot")
                assert least <= one["seq"], one
                newest[one["symbol"]] = one["seq"]


def states(member: RecordingMember) -> list[tuple[str, str]]:
    """The states that ``member`` was sent, in order."""
    return [(one["symbol"], one["state"]) for one in member.messages() if one["type"] == "symbol_status"]


def view_of(member: RecordingMember) -> dict[str, str]:
    """What a client knows of the states of what it holds, which it hears in ``subscribed``; checked on the way.

    A state is never older than the one before it, never of what is not held, and behind every tick before it.
    """
    view: dict[str, str] = {}
    newest: dict[str, int] = {}
    behind: dict[str, int] = {}
    for message in member.messages():
        match message:
            case {"type": "subscribed", "symbols": symbols}:
                view = {symbol: view.get(symbol, "live") for symbol in symbols}
                newest = {symbol: newest.get(symbol, 0) for symbol in symbols}
            case {"type": "symbol_status", "symbol": symbol, "state": state, "reason": reason, "since_us": version}:
                assert newest[symbol] <= version, message
                view[symbol], newest[symbol], behind[symbol] = state, version, int(reason)
            case {"type": "tick" | "ticks"}:
                for one in message.get("ticks", [message]):
                    assert behind.get(one["symbol"], 0) < one["seq"], message
    return view


async def settle() -> None:
    """Let every scheduler and sweep come round."""
    await asyncio.sleep(30)


def test_each_client_gets_exactly_its_own() -> None:
    """Of three clients with overlapping subscriptions, each gets its symbols and no other."""

    async def main() -> None:
        market = Market()
        a, b, c = market.join("BTC", "ETH"), market.join("SOL"), market.join("BTC", "SOL")
        for _ in range(3):
            for symbol in ("BTC", "ETH", "SOL", "XRP"):
                market.publish(symbol)
            await asyncio.sleep(1)
        assert {"BTC": [1, 2, 3], "ETH": [1, 2, 3]} == seqs(a)
        assert {"SOL": [1, 2, 3]} == seqs(b)
        assert {"BTC": [1, 2, 3], "SOL": [1, 2, 3]} == seqs(c)

    run_virtual(main())


def test_equal_subscriptions_share_one_cohort_and_one_blob() -> None:
    """Two clients with equal subscriptions are written the same bytes object."""

    async def main() -> None:
        market = Market()
        a, b = market.join("BTC", "ETH"), market.join("ETH", "BTC")
        market.publish("BTC")
        market.publish("ETH")
        await settle()
        assert 1 == market.hub.cohort_count
        assert a.written[0] is b.written[0]
        assert 1 == len(a.written)

    run_virtual(main())


def test_a_tick_is_never_sent_before_its_snapshot_or_twice() -> None:
    """A client that joins while a tick is pending gets it in the snapshot and not again, and gets later ticks."""

    async def main() -> None:
        market = Market()
        old = market.join("BTC")
        market.publish("BTC")
        new = market.join("BTC")
        market.publish("BTC")
        await settle()
        market.publish("BTC")
        await settle()
        assert {"BTC": [1, 2, 3]} == seqs(old) == seqs(new)

    run_virtual(main())


def test_a_quiet_gateway_conflates_nothing() -> None:
    """Ticks of one symbol that come in one turn all go out, in order, while nothing was expensive."""

    async def main() -> None:
        market = Market()
        member = market.join("BTC")
        for _ in range(10):
            market.publish("BTC")
        await settle()
        assert {"BTC": list(range(1, 11))} == seqs(member)

    run_virtual(main())


def test_a_rated_client_gets_the_newest_at_each_heartbeat() -> None:
    """At 1 Hz, of ten ticks a second only the newest of each second arrives."""

    async def main() -> None:
        market = Market()
        member = market.join("BTC", max_hz=1.0)
        for _ in range(30):
            market.publish("BTC")
            await asyncio.sleep(0.1)
        await settle()
        assert {"BTC": [10, 20, 30]} == seqs(member)

    run_virtual(main())


def test_who_wants_every_tick_gets_every_tick() -> None:
    """Without conflation no tick is left out, at any rate of others."""

    async def main() -> None:
        market = Market(throttle=Throttle(factor=100, longest_s=1))
        market.join("BTC")
        member = market.join("BTC", rule="every")
        for turn in range(50):
            market.publish("BTC")
            if turn % 7 == 0:
                await asyncio.sleep(0)
        await settle()
        assert {"BTC": list(range(1, 51))} == seqs(member)

    run_virtual(main())


def test_a_slow_consumer_is_told_and_gets_only_the_newest() -> None:
    """A client that did not drain for a hundred ticks of two symbols gets a lag notice and two ticks."""

    async def main() -> None:
        market = Market()
        slow, fast = market.join("BTC", "ETH"), market.join("BTC", "ETH")
        slow.draining = False
        for _ in range(50):
            market.publish("BTC")
            market.publish("ETH")
            await asyncio.sleep(0.01)
        assert 1 == len(market.hub.slow)
        assert [] == slow.written
        slow.draining = True
        await asyncio.sleep(0.1)
        assert [{"type": "lag", "conflated": 98}] == slow.messages()[:1]
        assert {"BTC": [50], "ETH": [50]} == seqs(slow)
        assert {"BTC": list(range(1, 51)), "ETH": list(range(1, 51))} == seqs(fast)
        assert 0 == len(market.hub.slow)
        market.publish("BTC")
        await settle()
        assert [50, 51] == seqs(slow)["BTC"]

    run_virtual(main())


def test_a_slow_consumer_past_its_time_is_cut_off() -> None:
    """A client that does not drain within the lag timeout is aborted."""

    async def main() -> None:
        market = Market(lag_timeout_s=2)
        member = market.join("BTC")
        member.draining = False
        market.publish("BTC")
        await asyncio.sleep(1.9)
        assert "" == member.aborted
        await asyncio.sleep(0.3)
        assert "lagged too long" == member.aborted

    run_virtual(main())


def test_a_status_comes_behind_the_ticks_before_it() -> None:
    """Pending ticks are written before a broadcast, even for a client with a slow rate."""

    async def main() -> None:
        market = Market()
        member = market.join("BTC", max_hz=0.1)
        market.publish("BTC")
        market.hub.broadcast(Status(feed="live", reason="", source="simulated", since_us=1))
        assert ["tick", "status"] == [message["type"] for message in member.messages()]

    run_virtual(main())


def test_nothing_is_left_of_who_has_gone() -> None:
    """After the last client has left there is no cohort, no symbol and no slow consumer."""

    async def main() -> None:
        market = Market()
        members = [market.join("BTC", "ETH"), market.join("BTC", max_hz=1.0), market.join("SOL", rule="every")]
        members[0].draining = False
        for symbol in ("BTC", "ETH", "SOL"):
            market.publish(symbol)
        await asyncio.sleep(0.01)
        gone = [weakref.ref(member) for member in members]
        for member in members:
            market.hub.remove(member)
        assert (len(market.hub), market.hub.cohort_count, len(market.hub.slow)) == (0, 0, 0)
        assert {} == market.hub._registry.groups_of | market.hub._registry._groups
        await settle()
        del members, member
        gc.collect()
        assert [ref() for ref in gone] == [None, None, None]

    run_virtual(main())


def test_twenty_thousand_different_subscriptions_work() -> None:
    """Clients with different subscriptions each get exactly theirs, and leave nothing behind."""

    async def main() -> None:
        market = Market()
        names = [f"S{number}" for number in range(200)]
        subscription = [{names[first], names[second]} for first in range(200) for second in range(first)]
        members = [market.join(*symbols) for symbols in subscription]
        assert 19_900 == len(subscription) == market.hub.cohort_count
        for name in names:
            market.publish(name)
        await settle()
        for symbols, member in zip(subscription, members, strict=True):
            assert 1 == len(member.written)
            assert all(f'"{symbol}"'.encode() in member.written[0] for symbol in symbols)
        assert subscription[::100] == [set(seqs(member)) for member in members[::100]]
        for member in members:
            market.hub.remove(member)
        assert (0, {}) == (market.hub.cohort_count, market.hub._registry.groups_of)

    run_virtual(main())


encodings = st.sampled_from([JSON, MSGPACK])


def some_options(rates: Sequence[float | None]) -> st.SearchStrategy[dict[str, Any]]:
    """Any options, with one of these rates."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        "batch": st.booleans(),
        "max_hz": st.sampled_from(rates),
        "rule": st.sampled_from(["latest", "every"]),
        "encoding": encodings,
    }
    return st.fixed_dictionaries({}, optional=optional)


options = some_options([None, 1.0, 50.0])
rests = st.sampled_from([Throttle(), Throttle(0), Throttle(50, 0.02)])


def some_wants(
    names: tuple[str, ...], rates: Sequence[float | None] = (None, 1.0, 50.0)
) -> st.SearchStrategy[tuple[Subscription, ...]]:
    """The subscriptions of a client with each of some symbols in one of three sets of options."""

    def made(encoding: Encoding, sets: list[dict[str, Any]], which: dict[str, int]) -> tuple[Subscription, ...]:
        held = [frozenset(name for name, number in which.items() if number == one) for one in range(3)]
        wants = [
            Subscription(topics, **one | {"encoding": encoding})
            for topics, one in zip(held, sets, strict=True)
            if topics
        ]
        return tuple(wants)

    return st.builds(
        made,
        encodings,
        st.lists(some_options(rates), min_size=3, max_size=3),
        st.dictionaries(st.sampled_from(names), st.integers(0, 2)),
    )


def stories(count: int, *names: str) -> st.SearchStrategy[list[tuple[object, ...]]]:
    """Up to sixty events of ``count`` clients and the symbols ``names``."""
    symbol, symbols, who = st.sampled_from(names), st.sets(st.sampled_from(names)), st.integers(0, count - 1)
    events = st.one_of(
        st.tuples(st.just("publish"), symbol),
        st.tuples(st.just("publish"), symbol),
        st.tuples(
            st.just("change_states"), st.sets(symbol, min_size=1), st.sampled_from(["live", "halted", "delisted"])
        ),
        st.tuples(st.just("want"), who, symbols, options, st.booleans()),
        st.tuples(st.just("hold"), who, some_wants(names), st.booleans()),
        st.tuples(st.just("hold"), who, some_wants(names), st.booleans()),
        st.tuples(st.just("again"), who, symbol, st.booleans()),
        st.tuples(st.just("stall"), who),
        st.tuples(st.just("drain"), who),
        st.tuples(st.just("read"), who),
        st.tuples(st.just("read late"), who),
        st.tuples(st.just("leave"), who),
        st.tuples(st.just("pass"), st.sampled_from([0.0, 0.001, 0.03, 0.2, 2.0])),
    )
    return st.lists(events, max_size=60)


def first_subscription(count: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw the first subscriptions of ``count`` clients."""
    return st.lists(options, min_size=count, max_size=count)


def answer(market: Market, member: RecordingMember) -> None:
    """Let ``member`` read everything: it answers every unanswered ping."""
    for number in member.pings():
        market.hub.answered(member, number)


async def play(
    story: list[tuple[object, ...]],
    first: list[dict[str, Any]],
    throttle: Throttle,
    *names: str,
    after_each: Callable[[Market], None] | None = None,
) -> None:
    """Run ``story`` for clients that hold all of ``names`` at first, and check each at the end."""
    market = Market(lag_timeout_s=1000, throttle=throttle)
    members = [RecordingMember() for _ in first]
    for member in members[1:]:
        # It has answered pings before.
        member.rtt_s = 0.01
        member.watched = member is members[-1]
    held: list[set[str]] = [set(names) for _ in members]
    asked: list[set[str]] = [set(names) for _ in members]
    due: list[set[str]] = [set(names) for _ in members]
    for member, subscription in zip(members, first, strict=True):
        market.hub.add(member)
        member.encoding = subscription.get("encoding", JSON)
        market.want(member, names, confirm=True, **subscription)
    for event in story:
        match event:
            case ("publish", str(symbol)):
                market.publish(symbol)
                for symbols, one in zip(held, due, strict=True):
                    one.update(symbols & {symbol})
            case ("change_states", set(symbols), ("live" | "halted" | "delisted") as state):
                market.change_states(*symbols, state=state)
            case ("want", int(who), set(symbols), dict(subscription), bool(snapshot)):
                members[who].encoding = subscription.get("encoding", JSON)
                market.want(members[who], symbols, snapshot=snapshot, confirm=True, **subscription)
                before, held[who] = held[who], symbols
                asked[who] |= symbols
                due[who] = due[who] & symbols | (symbols - before if snapshot else set())
            case ("hold", int(who), tuple(wants), bool(snapshot)):
                members[who].encoding = wants[0].encoding if wants else JSON
                market.hold(members[who], wants, snapshot=snapshot, confirm=True)
                before, held[who] = held[who], set(topics_of(wants))
                asked[who] |= held[who]
                due[who] = due[who] & held[who] | (held[who] - before if snapshot else set())
            case ("again", int(who), str(symbol), bool(stalls)):
                members[who].draining = not stalls
                market.hub.send_snapshots(members[who], held[who] & {symbol})
                due[who] |= held[who] & {symbol}
            case ("stall", int(who)):
                members[who].draining = False
            case ("drain", int(who)):
                members[who].draining = True
            case ("read", int(who)):
                answer(market, members[who])
            case ("read late", int(who)):
                market.hub.read_late(members[who])
            case ("leave", int(who)):
                market.hub.remove(members[who])
                members[who] = market.join(snapshot=False)
                held[who], asked[who], due[who] = set(), set(), set()
            case ("pass", float(seconds)):
                await asyncio.sleep(seconds)
        if after_each is not None:
            after_each(market)
    for member in members:
        member.draining = True
    for _ in range(30):
        await asyncio.sleep(4)
        for member in members:
            answer(market, member)
    await settle()
    for member, symbols, ever, wanted in zip(members, held, asked, due, strict=True):
        got = seqs(member)
        newest = {symbol: market.last[symbol].seq for symbol in wanted if symbol in market.last}
        assert {symbol: market.state_of(symbol) for symbol in symbols} == view_of(member)
        assert {symbol: got[symbol][-1] for symbol in newest} == newest
        assert set(got) <= ever
        assert_only_growing(member)
        market.hub.remove(member)
    assert (0, 0, {}) == (market.hub.cohort_count, len(market.hub.slow), market.hub._registry.groups_of)
    assert {} == market.hub._registry._groups | market.hub.membership.unanswered
    assert not market.hub.membership.connections


@pytest.fixture(scope="class", params=["as they are", "tiny"])
def windows(request: pytest.FixtureRequest) -> Iterator[None]:
    """Windows of a few ticks beside the usual ones, so that they matter in a short story."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "tiny":
            for name in ("STEP_BYTES", "LEAST_SLICE_BYTES", "ALONE_BYTES", "LARGEST_FIRST_BYTES"):
                for module in ("window", "cohort"):
                    patch.setattr(f"gateway.fanout.cohorts.{module}.{name}", 200, raising=False)
            patch.setattr("gateway.fanout.cohorts.window.MARK_BYTES", 300)
            patch.setattr("gateway.fanout.cohorts.window.LARGEST_SLICE_BYTES", 400)
            patch.setattr("gateway.fanout.membership.Window", functools.partial(Window, size=200))
        yield


@pytest.mark.usefixtures("windows")
@given(stories(4, "AAA", "BBB", "CCC", "DDD"), first_subscription(4), rests)
def test_whatever_happens_each_client_ends_with_the_newest_of_what_it_holds(
    story: list[tuple[object, ...]], first: list[dict[str, Any]], throttle: Throttle
) -> None:
    """In any order of ticks, subscriptions, lags and drains: the newest at the end, growing seqs, nothing else."""
    run_virtual(play(story, first, throttle, "AAA", "BBB", "CCC", "DDD"))


@pytest.mark.usefixtures("windows")
@given(stories(2, "AAA", "BBB"), first_subscription(2), rests)
def test_whatever_happens_each_client_knows_the_state_of_what_it_holds(
    story: list[tuple[object, ...]], first: list[dict[str, Any]], throttle: Throttle
) -> None:
    """The same for states, of few symbols: at the end each client's view is true."""
    run_virtual(play(story, first, throttle, "AAA", "BBB"))


def test_who_asks_again_while_not_draining_misses_nothing_and_leaves_nothing() -> None:
    """A client that asks again while its socket is full misses nothing, and leaves nothing behind."""

    async def main() -> None:
        market = Market()
        member = market.join("AAA", "BBB", snapshot=False)
        market.publish("AAA")
        market.publish("BBB")
        member.draining = False
        market.hub.send_snapshots(member, ["AAA"])
        member.draining = True
        await settle()
        assert {"AAA": [1], "BBB": [1]} == seqs(member)
        market.hub.remove(member)
        assert (0, 0) == (market.hub.cohort_count, len(market.hub.slow))

    run_virtual(main())


def test_who_lags_and_asks_for_every_tick_gets_every_tick_from_then_on() -> None:
    """A slow client that asks for every tick gets its backlog at once; later lags are the connection's."""

    async def main() -> None:
        market = Market()
        member = market.join("BTC", snapshot=False)
        member.draining = False
        for _ in range(3):
            market.publish("BTC")
            await asyncio.sleep(0.03)
        assert {} == seqs(member)
        market.want(member, ["BTC"], snapshot=False, rule="every")
        for _ in range(3):
            market.publish("BTC")
            await asyncio.sleep(0.03)
        assert {"BTC": [3, 4, 5, 6]} == seqs(member)
        assert 0 == len(market.hub.slow)

    run_virtual(main())


class Faulty(RecordingMember):
    """One that cannot be sent anything."""

    def send(self, blob: bytes) -> bool:
        raise RuntimeError("a fault of ours")


def beside_a_faulty_one(market: Market) -> list[RecordingMember]:
    """Members of BTC in four cohorts of which one has a faulty member too."""
    faulty = Faulty()
    market.hub.add(faulty)
    market.want(faulty, ["BTC", "ETH"], snapshot=False)
    return [market.join("BTC", batch=batch, rule=rule) for batch in (0, 1) for rule in ("latest", "every")]


def test_a_cohort_that_cannot_be_flushed_costs_no_other_its_ticks() -> None:
    """A fault in one cohort is a log line; others miss no tick."""

    async def main() -> None:
        market = Market()
        members = beside_a_faulty_one(market)
        market.publish("BTC")
        await settle()
        assert [{"BTC": [1]}] * 4 == list(map(seqs, members))

    run_virtual(main())


@pytest.mark.parametrize("batch", [False, True])
def test_an_unsubscribed_symbol_is_not_sent_again(batch: bool) -> None:
    """Pending ticks of an unsubscribed symbol are dropped; others are sent first."""

    async def main() -> None:
        market = Market()
        member = market.join("BTC", "ETH", batch=batch)
        market.publish("BTC")
        market.publish("ETH")
        market.want(member, ["ETH"], snapshot=False, batch=batch)
        assert {"ETH": [1]} == seqs(member)
        market.publish("BTC")
        await settle()
        assert {"ETH": [1]} == seqs(member)

    run_virtual(main())


def types(member: RecordingMember) -> list[str]:
    """List the types of what a member was sent, in order."""
    return [message["type"] for message in member.messages()]


@pytest.mark.parametrize(
    "subscription", [{}, {"max_hz": 0.1}, {"batch": True}, {"rule": "every"}, {"encoding": MSGPACK, "batch": True}]
)
def test_a_state_comes_to_all_who_hold_the_symbol_behind_the_ticks_before_it(subscription: dict[str, Any]) -> None:
    """A state goes at once to all holders of the symbol, at any rate and form, as its own message, and to no others."""

    async def main() -> None:
        market = Market()
        member, other = market.join("BTC", "ETH", **subscription), market.join("SOL", **subscription)
        market.publish("BTC")
        market.change_states("BTC", "XRP")
        assert ["ticks" if subscription.get("batch") else "tick", "symbol_status"] == types(member)
        expected = {"type": "symbol_status", "symbol": "BTC", "state": "halted", "reason": "1", "since_us": 1}
        assert expected == member.messages()[1]
        market.publish("BTC")
        await settle()
        assert {"BTC": [1, 2]} == seqs(member)
        assert [] == other.written
        assert 1 == market.counters.states_sent

    run_virtual(main())


def test_who_wants_every_tick_gets_every_state_in_order() -> None:
    """A client of every tick gets every state in its place between ticks, slow or not."""

    async def main() -> None:
        market = Market()
        member = market.join("BTC", rule="every")
        member.draining = False
        for state in ("halted", "live", "delisted"):
            market.publish("BTC")
            market.change_states("BTC", state=state)
        assert ["tick", "symbol_status"] * 3 == types(member)
        assert [("BTC", "halted"), ("BTC", "live"), ("BTC", "delisted")] == states(member)

    run_virtual(main())


def test_a_slow_consumer_gets_only_the_newest_states_and_behind_the_ticks() -> None:
    """A slow client gets only the newest state of each changed symbol, kept in constant space."""

    async def main() -> None:
        market = Market()
        slow = market.join("BTC", "ETH", "SOL")
        market.change_states("SOL")
        slow.draining = False
        for _ in range(50):
            market.change_states("BTC", "ETH", state="stale")
            market.publish("ETH")
            market.change_states("ETH", state="live")
        consumer = market.hub.slow.consumer_of(slow)
        assert consumer is not None
        assert ({}, {}, {}) == (consumer.ticks, consumer.snapshots, consumer.states)
        before = len(slow.written)
        slow.draining = True
        await settle()
        assert ["lag", "tick", "symbol_status", "symbol_status"] == types(slow)[before:]
        assert [("BTC", "stale"), ("ETH", "live")] == states(slow)[1:]
        assert {"ETH": [50]} == seqs(slow)

    run_virtual(main())


@pytest.mark.parametrize("draining", [True, False])
def test_who_subscribes_is_told_what_is_not_live(draining: bool) -> None:
    """A subscribe is followed by the states of symbols that are not live, behind their snapshots or alone."""

    async def main() -> None:
        market = Market()
        for symbol in ("BTC", "ETH"):
            market.publish(symbol)
        market.change_states("BTC", "ETH", "NEW")
        market.change_states("ETH", state="live")
        member, spare = RecordingMember(), RecordingMember()
        for one, snapshot in ((member, True), (spare, False)):
            market.hub.add(one)
            one.draining = draining
            market.want(one, ["BTC", "ETH", "NEW"], snapshot=snapshot)
            one.draining = True
        await settle()
        assert ["snapshot", "snapshot", "symbol_status", "symbol_status"] == types(member)
        assert [("BTC", "halted"), ("NEW", "halted")] == sorted(states(member)) == sorted(states(spare))
        assert ["symbol_status", "symbol_status"] == types(spare)

    run_virtual(main())


def test_a_cohort_that_cannot_be_told_a_state_costs_no_other_its_own() -> None:
    """A fault in one cohort is a log line; others get the state."""

    async def main() -> None:
        market = Market()
        members = beside_a_faulty_one(market)
        market.change_states("BTC")
        assert [[("BTC", "halted")]] * 4 == list(map(states, members))

    run_virtual(main())


def test_a_ping_may_be_answered_by_one_that_holds_nothing_any_more() -> None:
    """A ping answered by a client without subscriptions counts, and makes no lag in its next cohort."""

    async def main() -> None:
        market = Market()
        member = market.join("BTC", snapshot=False)
        market.hub.move(member, ())
        member.watched, member.rtt_s = True, 0.001
        market.want(member, ["BTC"], snapshot=False)
        while not member.pings():
            market.publish("BTC")
            await asyncio.sleep(0)
        [number] = member.pings()
        market.hub.move(member, ())
        assert [True, False] == [market.hub.answered(member, number) for _ in range(2)]
        market.want(member, ["BTC"], snapshot=False)
        for _ in range(500):
            market.publish("BTC")
            await asyncio.sleep(0.001)
            for asked in member.pings()[1:]:
                market.hub.answered(member, asked)
        assert 0 == len(market.hub.slow)

    run_virtual(main())


def test_who_reads_a_heartbeat_late_is_sent_slices_from_then_on() -> None:
    """A client that answers a heartbeat late is behind a buffer: it gets slices of the newest from then on."""

    async def main() -> None:
        market = Market()
        member, other = market.join("BTC", snapshot=False), market.join("BTC", snapshot=False)
        member.rtt_s = other.rtt_s = 0.01
        market.publish("BTC")
        market.hub.read_late(member)
        for _ in range(10):
            market.publish("BTC")
            await asyncio.sleep(0.01)
        assert (1, 2) == (len(market.hub.slow), len(member.pings()))
        assert list(range(1, 12)) == seqs(other)["BTC"]
        await asyncio.sleep(1)
        answer(market, member)
        await asyncio.sleep(1)
        assert (11, 0) == (seqs(member)["BTC"][-1], len(market.hub.slow))
        assert member.watched

    run_virtual(main())


def test_a_paced_client_that_has_read_everything_is_not_late() -> None:
    """A client with one update in ten seconds that has read everything is not late."""

    async def main() -> None:
        market = Market(lag_timeout_s=3)
        names = [f"S{number}" for number in range(400)]
        for name in names:
            market.publish(name)
        member = market.join(*names, max_hz=0.1)
        for _ in range(100):
            await asyncio.sleep(0.1)
            answer(market, member)
        assert {name: [1] for name in names} == seqs(member)
        for _ in range(100):
            market.publish("S1")
            await asyncio.sleep(0.3)
            answer(market, member)
        assert "" == member.aborted

    run_virtual(main())


@pytest.mark.parametrize("late", [False, True])
def test_who_answers_only_the_last_of_several_pings_has_answered_them_all(late: bool) -> None:
    """A pong to the last of several pings, marks and heartbeats, answers them all."""

    async def main() -> None:
        market = Market(lag_timeout_s=3)
        member = market.join("BTC", snapshot=False)
        member.watched, member.rtt_s = True, 0.001
        market.want(member, ["BTC", "ETH"], snapshot=False)
        while not member.pings():
            market.publish("BTC")
            await asyncio.sleep(0)
        heartbeat = market.hub.slow.next_number()
        for _ in range(300):
            if late:
                market.publish("BTC")
                await asyncio.sleep(0.001)
        assert late == (member in market.hub.slow)
        market.hub.read_up_to(member, heartbeat)
        for _ in range(400):
            await asyncio.sleep(0.01)
            market.publish("BTC")
            for number in member.pings()[1:]:
                market.hub.answered(member, number)
        assert ("", 0) == (member.aborted, len(market.hub.slow))
        # A pong that comes in another order, or twice, changes nothing.
        assert not market.hub.answered(member, member.pings()[0])
        await settle()
        assert market.last["BTC"].seq == seqs(member)["BTC"][-1]

    run_virtual(main())


def figures(symbol: str, number: int) -> FramedTick:
    """Figures of 24 hours under their topic."""
    return FramedTick(f"{symbol}@stats", 2**53 - 1, Stats(symbol=symbol, ts_us=number, last=f"{number}.0"))


def test_what_nobody_has_wanted_so_far_is_found_when_it_is() -> None:
    """It is among the last values from then on; what is known already is not looked for."""

    async def main() -> None:
        market, asked = Market(), list[str]()

        def find(topic: str) -> FramedTick | None:
            asked.append(topic)
            return figures("AAA", 7) if topic == "AAA@stats" else None

        market.hub.find = find
        of_stats = JSON.of("stats")
        assert of_stats is not None
        market.publish("AAA")
        member = market.join("AAA", "BBB")
        assert (["BBB"], {"AAA"}) == (asked, set(market.last))
        wants = (Subscription(frozenset(("AAA",))), Subscription(frozenset(("AAA@stats", "BBB@stats")), of_stats))
        market.hold(member, wants)
        assert ["AAA@stats", "BBB@stats"] == sorted(asked[1:])
        assert [("stats", "7.0")] == [(one["type"], one["last"]) for one in member.messages() if "last" in one]
        assert market.last.keys() == {"AAA", "AAA@stats"}
        assert [True, True, False] == [topic in market.hub.held for topic in ("AAA", "BBB@stats", "CCC")]
        market.hold(member, ())
        assert [False, False] == [topic in market.hub.held for topic in ("AAA", "AAA@stats")]

    run_virtual(main())


@pytest.mark.parametrize("batch", [False, True])
def test_who_is_slow_gets_the_newest_figures_of_each_symbol(batch: bool) -> None:
    """Between its newest prices, each topic once, in its own form."""

    async def main() -> None:
        market = Market()
        of_stats = JSON.of("stats")
        assert of_stats is not None
        symbols = [f"S{number}" for number in range(20)]
        topics = frozenset(f"{symbol}@stats" for symbol in symbols)
        wants = (Subscription(frozenset(symbols), batch=batch), Subscription(topics, of_stats, batch=batch))
        member = market.join()
        market.hold(member, wants)
        member.draining = False
        for number in range(1, 30):
            for symbol in symbols:
                market.publish(symbol)
                its = figures(symbol, number)
                market.last[its.topic] = its
                market.hub.publish(its)
            await asyncio.sleep(0.1)
        member.draining = True
        await asyncio.sleep(10)
        got = [one for message in member.messages() for one in message.get("stats", message.get("ticks", [message]))]
        assert [(symbol, "29.0") for symbol in symbols] == sorted(
            ((one["symbol"], one["last"]) for one in got if "last" in one), key=lambda one: symbols.index(one[0])
        )
        assert {symbol: [29] for symbol in symbols} == seqs(member)
        assert 2 * 20 * 28 == sum(one["conflated"] for one in got if one.get("type") == "lag")
        # From then on it gets them as they come.
        its = figures("S0", 30)
        market.last[its.topic] = its
        market.hub.publish(its)
        await asyncio.sleep(0.1)
        newest = member.messages()[-1]
        assert "30.0" == (newest["stats"][0] if batch else newest)["last"]

    run_virtual(main())

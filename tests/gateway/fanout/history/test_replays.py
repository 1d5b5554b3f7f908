"""Clients that ask for what they missed get exactly that, or hear what they lack."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.fanout.cohorts.member import Subscription
from gateway.fanout.feed.seq_regressions import REGRESSION_S
from gateway.fanout.history.replays import AHEAD_S, DECODED_TICKS, PAUSE_S, SLICE_S
from gateway.protocol.forms import FramedStatus
from gateway.protocol.messages import SymbolStatus
from gateway.protocol.msgpack_encoding import MSGPACK
from market.wire.codec import encode_tick
from market.wire.status import SymbolState
from tests.fakes import Stopwatch, run_virtual, tick
from tests.gateway.fanout.history.worlds import SYMBOLS, Client, World

LOSSLESS = {"publish": 30, "deliver": 20, "take over": 3, "come": 8, "stall": 5, "drain": 5, "sleep": 8}
"""How often each of these happens, of a hundred steps or so."""

LOSSES = {"lose link": 3, "lose message": 4, "link": 6}


def happenings(rng: random.Random, weights: Mapping[str, int]) -> list[tuple[str, Any]]:
    """Some steps, many of those with a high weight."""
    details: dict[str, Callable[[], Any]] = {
        "publish": lambda: rng.choices(SYMBOLS, k=rng.randint(1, 6)),
        "deliver": lambda: rng.choice((1, 2, 100)),
        "come": lambda: {symbol: rng.randint(0, 8) for symbol in rng.sample(SYMBOLS, rng.randint(1, 4))},
        "stall": lambda: rng.randint(0, 4),
        "drain": lambda: rng.randint(0, 4),
        "sleep": lambda: rng.choice((0.0, 0.003, 0.02)),
    }
    steps = rng.choices(tuple(weights), tuple(weights.values()), k=rng.randint(20, 100))
    return [(step, details.get(step, lambda: None)()) for step in steps]


async def play(world: World, steps: list[tuple[str, Any]], options: Mapping[str, Any]) -> list[Client]:
    """Let all that happen, then let everybody read on, and return the clients."""
    clients: list[Client] = []
    for step, detail in steps:
        if step == "publish":
            world.publish(*detail)
        elif step == "deliver":
            world.deliver(detail)
        elif step == "take over":
            world.take_over()
        elif step == "lose link":
            world.lose_link()
        elif step == "lose message":
            world.lose_message()
        elif step == "link" and not world.linked:
            world.link()
        elif step == "come":
            # What the other gateway had sent: all but the newest few of each symbol.
            since = {
                symbol: world.log[symbol][-1 - min(less, len(world.log[symbol]) - 1)] for symbol, less in detail.items()
            }
            clients.append(world.come(since, **options))
        elif step in ("stall", "drain") and detail < len(clients):
            clients[detail].draining = step == "drain"
        elif step == "sleep":
            await asyncio.sleep(detail)
    for client in clients:
        client.draining = True
    if not world.linked:
        world.link()
    world.deliver()
    await asyncio.sleep(AHEAD_S + 1)
    world.publish(*SYMBOLS)
    world.deliver()
    await asyncio.sleep(1)
    assert 0 == len(world.replays)
    return clients


@given(
    st.integers(0, 2**32),
    st.sampled_from([0, 4_000, 8_000, 1_000_000]),
    st.booleans(),
    st.sampled_from([{}, {"batch": True}, {"encoding": MSGPACK}]),
)
def test_a_client_gets_what_it_missed_or_hears_what_it_lacks(
    seed: int, history_bytes: int, channels: bool, options: dict[str, Any]
) -> None:
    """Whatever pollers, links and clients do, a client has every tick behind its position, or a gap that says which."""

    async def run() -> None:
        world = World(history_bytes, channels=channels)
        for client in await play(world, happenings(random.Random(seed), LOSSLESS | LOSSES), options):
            for symbol in client.since:
                world.check(client, symbol)

    run_virtual(run())


@given(st.integers(0, 2**32), st.booleans())
def test_nothing_is_missed_while_the_history_is_whole(seed: int, channels: bool) -> None:
    """If the gateway has lost nothing, a client gets exactly what was published behind its position, takeovers too."""

    async def run() -> None:
        world = World(channels=channels)
        for client in await play(world, happenings(random.Random(seed), LOSSLESS), {}):
            for symbol in client.since:
                world.check(client, symbol, exact=True)

    run_virtual(run())


def later(world: World, symbol: str, times: int) -> None:
    """So many more ticks, which the gateway reads."""
    for _ in range(times):
        world.publish(symbol)
    world.deliver()


def test_a_client_that_has_everything_is_there_at_once() -> None:
    """Who has the newest tick of each symbol is sent nothing, costs nothing, and gets what comes next."""

    async def run() -> None:
        world = World()
        client = world.come(dict.fromkeys(SYMBOLS, 1))
        assert (0, 0) == (len(world.replays), client.tokens)
        later(world, "AAA", 1)
        await asyncio.sleep(0)
        assert [2] == client.seqs("AAA")

    run_virtual(run())


def test_a_client_ahead_of_the_gateway_gets_nothing_twice() -> None:
    """A client that was served faster before is sent the first tick that it does not have, when that comes."""

    async def run() -> None:
        world = World()
        for _ in range(4):
            world.publish("AAA", "BBB")
        client = world.come({"AAA": 4, "BBB": 1})
        later(world, "CCC", 0)
        await asyncio.sleep(1)
        assert ([5], [2, 3, 4, 5]) == (client.seqs("AAA"), client.seqs("BBB"))
        world.publish("AAA")
        world.deliver()
        await asyncio.sleep(1)
        assert [5, 6] == client.seqs("AAA")
        assert [] == client.gaps("AAA")

    run_virtual(run())


def test_a_client_ahead_of_a_gateway_without_history() -> None:
    """It joins as soon as the gateway has its tick, and hears what it lacks if that was passed meanwhile."""

    async def run() -> None:
        world = World(0)
        client = world.come({"AAA": 2, "BBB": 2})
        await asyncio.sleep(0.1)
        later(world, "AAA", 1)
        later(world, "BBB", 4)
        await asyncio.sleep(0.1)
        assert 0 == len(world.replays)
        later(world, "AAA", 1)
        await asyncio.sleep(0.1)
        assert ([3], [], [(3, 4)]) == (client.seqs("AAA"), client.gaps("AAA"), client.gaps("BBB"))

    run_virtual(run())


def test_a_position_from_nowhere_is_a_gap_in_the_end() -> None:
    """A number above all that come is waited for a moment; then the client hears that nobody knows what it lacks."""

    async def run() -> None:
        world = World()
        client = world.come({"AAA": 500, "BBB": 1})
        await asyncio.sleep(AHEAD_S - 1)
        # Other symbols do not wait with it.
        later(world, "BBB", 1)
        await asyncio.sleep(0)
        assert ([], [2]) == (client.gaps("AAA"), client.seqs("BBB"))
        await asyncio.sleep(2)
        later(world, "AAA", 1)
        await asyncio.sleep(0.1)
        assert ["gap", "snapshot", "tick"] == [one["type"] for one in client.of("AAA")]
        # Waiting costs nothing.
        assert client.tokens <= 1
        assert ([(501, None)], [2]) == (client.gaps("AAA"), client.seqs("AAA"))
        assert 1 == world.counters.gaps

    run_virtual(run())


def test_a_symbol_without_any_tick() -> None:
    """If the gateway has had no tick of a symbol, there is a gap without a snapshot, and later ticks come."""

    async def run() -> None:
        world = World()
        del world.last["AAA"]
        client = world.come({"AAA": 1})
        await asyncio.sleep(AHEAD_S + 1)
        later(world, "AAA", 1)
        await asyncio.sleep(0.1)
        assert ["gap", "tick"] == [one["type"] for one in client.of("AAA")]

    run_virtual(run())


def test_a_single_missing_tick_that_is_the_newest_is_sent() -> None:
    """Without any history, a client that lacks only the newest tick gets it, and no gap."""

    async def run() -> None:
        world = World(0)
        later(world, "AAA", 1)
        later(world, "BBB", 2)
        client = world.come({"AAA": 1, "BBB": 1}, batch=True)
        await asyncio.sleep(1)
        assert ([2], []) == (client.seqs("AAA"), client.gaps("AAA"))
        assert [(2, 2)] == client.gaps("BBB")
        assert 3 == client.of("BBB")[-1]["seq"]

    run_virtual(run())


def test_a_numbering_that_begins_anew() -> None:
    """Lower numbers are none of those that the client has: it hears that it lacks something, and gets the newest."""

    async def run() -> None:
        world = World(channels=True)
        later(world, "AAA", 9)
        world.intake.tick_received("AAA", encode_tick(tick("AAA", 3, bid=1, ask=2)))
        await asyncio.sleep(REGRESSION_S)
        world.intake.accept_regressions(asyncio.get_running_loop().time())
        client = world.come({"AAA": 8})
        await asyncio.sleep(AHEAD_S + 1)
        world.intake.tick_received("AAA", encode_tick(tick("AAA", 4)))
        await asyncio.sleep(1)
        assert ([4], [(9, None)]) == (client.seqs("AAA"), client.gaps("AAA"))
        other = world.come({"AAA": 3})
        await asyncio.sleep(1)
        assert ([4], []) == (other.seqs("AAA"), other.gaps("AAA"))

    run_virtual(run())


def test_a_slow_client_gets_a_long_history_as_it_reads() -> None:
    """Nothing more is written to a client whose socket has not taken the last piece, however much there is."""

    async def run() -> None:
        world = World(50_000_000)
        later(world, "AAA", 5_000)
        client = world.come({"AAA": 1})
        client.draining = False
        await asyncio.sleep(1)
        assert [] == client.of("AAA")
        for _ in range(100):
            client.draining = True
            await asyncio.sleep(0.001)
            client.draining = False
            later(world, "AAA", 1)
            await asyncio.sleep(0.02)
        client.draining = True
        await asyncio.sleep(1)
        world.check(client, "AAA", exact=True)
        assert max(map(len, client.written)) < 200_000
        assert 0 == len(world.replays)

    run_virtual(run())


def test_what_is_done_for_a_client_is_charged() -> None:
    """The first client pays for decoding, the next for copying; who gave nothing to do pays nothing."""

    async def run() -> None:
        world = World(50_000_000)
        later(world, "AAA", 5_000)
        tokens = []
        for _ in range(2):
            client = world.come({"AAA": 1})
            await asyncio.sleep(1)
            tokens.append(client.tokens)
        assert 5_000 / DECODED_TICKS <= tokens[0] <= 5_000 / DECODED_TICKS + 20
        assert 5 <= tokens[1] <= 20

    run_virtual(run())


def test_a_later_subscribe_ends_the_replay() -> None:
    """A symbol that is named without a position, or with other options, or dropped, is not resumed any more."""

    async def run() -> None:
        world = World()
        later(world, "AAA", 5)
        world.publish("BBB", "CCC", "DDD")
        world.deliver()
        client = world.come(dict.fromkeys(SYMBOLS, 1))
        client.wants = (
            Subscription(frozenset({"AAA", "BBB"}), rule="every"),
            Subscription(frozenset({"CCC"}), rule="latest"),
        )
        world.ask(client, named=["AAA", "CCC"])
        await asyncio.sleep(1)
        world.publish(*SYMBOLS)
        world.deliver()
        await asyncio.sleep(1)
        assert [[7], [2, 3], [3], []] == [client.seqs(symbol) for symbol in SYMBOLS]
        assert 0 == len(world.replays)

    run_virtual(run())


def test_a_second_position_replaces_the_first() -> None:
    """A client may ask again, for more symbols or from elsewhere: what it has had of the others counts."""

    async def run() -> None:
        world = World(50_000_000)
        later(world, "AAA", 3_000)
        later(world, "BBB", 3)
        client = world.come({"AAA": 1})
        client.draining = False
        await asyncio.sleep(1)
        client.draining = True
        client.wants = (Subscription(frozenset({"AAA", "BBB"}), rule="every"),)
        world.ask(client, {"BBB": 2})
        await asyncio.sleep(1)
        assert list(range(2, 3_002)) == client.seqs("AAA")
        assert [3, 4] == client.seqs("BBB")
        world.ask(client, {"BBB": 3})
        await asyncio.sleep(1)
        assert [3, 4, 4] == client.seqs("BBB")

    run_virtual(run())


def test_every_tick_is_allowed_no_longer() -> None:
    """If its token does not allow every tick any more, a client on its way gets the newest ones from then on."""

    async def run() -> None:
        world = World()
        later(world, "AAA", 5)
        client = world.come({"AAA": 1})
        client.wants = (Subscription(frozenset({"AAA"}), max_hz=5),)
        world.ask(client)
        await asyncio.sleep(1)
        assert [("snapshot", 6)] == [(one["type"], one["seq"]) for one in client.of("AAA")]

    run_virtual(run())


def test_a_client_that_goes_on_its_way_leaves_nothing() -> None:
    """Of a client that is gone nothing is left, and the others go on; nor of one with which we made an error."""

    async def run() -> None:
        world = World()
        later(world, "AAA", 5)
        gone, faulty, other = (world.come({"AAA": 1}) for _ in range(3))
        world.replays.remove(gone)
        world.hub.remove(gone)
        faulty.enqueue = None  # type: ignore[method-assign,assignment]
        await asyncio.sleep(1)
        assert "a fault of ours" == faulty.aborted
        assert ([], [2, 3, 4, 5, 6]) == (gone.of("AAA"), other.seqs("AAA"))
        assert 0 == len(world.replays)

    run_virtual(run())


def test_states_come_behind_what_was_missed() -> None:
    """A symbol that is not live is reported behind its ticks, and one that has become live meanwhile, too."""

    async def run() -> None:
        world = World()
        later(world, "AAA", 3)
        later(world, "BBB", 3)
        halt(world, "AAA", "halted")
        halt(world, "BBB", "halted")
        halt(world, "CCC", "halted")
        client = world.come({"AAA": 1, "BBB": 1, "CCC": 1})
        world.replays.send_states(client, {"AAA": 1, "BBB": 1, "CCC": 1})
        assert ["symbol_status"] == [one["type"] for one in client.messages()]
        halt(world, "BBB", "live")
        await asyncio.sleep(1)
        for symbol, state in (("AAA", "halted"), ("BBB", "live"), ("CCC", "halted")):
            [told] = [
                one["state"] for one in client.messages() if one["type"] == "symbol_status" and one["symbol"] == symbol
            ]
            assert state == told
            assert "symbol_status" == client.of(symbol)[-1]["type"]

    run_virtual(run())


def halt(world: World, symbol: str, state: SymbolState) -> None:
    """Change the state of a symbol."""
    world.states[symbol] = framed = FramedStatus(SymbolStatus(symbol=symbol, state=state, reason="", since_us=1))
    world.hub.publish_states([framed])


def test_all_replays_together_leave_time_for_prices() -> None:
    """However many clients are on their way, no slice takes longer than it may, and each gets its turn."""

    async def run() -> None:
        world = World(50_000_000)
        later(world, "AAA", 5_000)
        clock, spent = Stopwatch(), []
        world.replays._timer = clock
        clients = [world.come({"AAA": 1}) for _ in range(50)]
        for client in clients:
            enqueue = client.enqueue

            def slowly(blob: bytes, enqueue: Callable[[bytes], None] = enqueue) -> None:
                clock.now += 0.001
                enqueue(blob)

            client.enqueue = slowly  # type: ignore[method-assign]
        while len(world.replays):
            before = clock.now
            await asyncio.sleep(PAUSE_S)
            spent.append(clock.now - before)
            got = [len(client.written) for client in clients]
            assert max(got) - min(got) <= 3
        assert max(spent) <= 2 * (SLICE_S + 0.001)
        assert all(list(range(2, 5_002)) == client.seqs("AAA") for client in clients[:3])

    run_virtual(run())

"""Clients that ask for what they missed get exactly that, or hear what they lack."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fanout.history.replays import AHEAD_S
from gateway.fanout.member import Subscription
from gateway.protocol.msgpack_encoding import MSGPACK
from tests.fakes import run_virtual
from tests.gateway.fanout.history.worlds import JUMP, SYMBOLS, Client, World

STEPS = st.one_of(
    st.tuples(st.just("publish"), st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=8)),
    st.tuples(st.just("deliver"), st.integers(1, 10)),
    st.tuples(st.just("take over"), st.none()),
    st.tuples(st.just("lose link"), st.none()),
    st.tuples(st.just("lose message"), st.none()),
    st.tuples(st.just("link"), st.none()),
    st.tuples(st.just("come"), st.dictionaries(st.sampled_from(SYMBOLS), st.integers(0, 12), min_size=1)),
    st.tuples(st.just("stall"), st.integers(0, 5)),
    st.tuples(st.just("drain"), st.integers(0, 5)),
    st.tuples(st.just("sleep"), st.sampled_from([0.0, 0.003, 0.02])),
)


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


@settings(max_examples=200, deadline=None)
@given(
    st.lists(STEPS, max_size=40),
    st.sampled_from([0, 4_000, 20_000, 1_000_000]),
    st.booleans(),
    st.sampled_from([{}, {"batch": True}, {"encoding": MSGPACK}]),
)
def test_a_client_gets_what_it_missed_or_hears_what_it_lacks(
    steps: list[tuple[str, Any]], history_bytes: int, channels: bool, options: dict[str, Any]
) -> None:
    """Whatever pollers, links and clients do, a client has every tick behind its position, or a gap that says which."""

    async def run() -> None:
        world = World(history_bytes, channels=channels)
        for client in await play(world, steps, options):
            for symbol in client.since:
                world.check(client, symbol)

    run_virtual(run())


QUIET = st.one_of(
    *(
        st.tuples(st.just(step), detail)
        for step, detail in (
            ("publish", st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=8)),
            ("deliver", st.integers(1, 10)),
            ("take over", st.none()),
            ("come", st.dictionaries(st.sampled_from(SYMBOLS), st.integers(0, 12), min_size=1)),
            ("stall", st.integers(0, 5)),
            ("drain", st.integers(0, 5)),
            ("sleep", st.sampled_from([0.0, 0.003, 0.02])),
        )
    )
)


@settings(max_examples=200, deadline=None)
@given(st.lists(QUIET, max_size=40), st.booleans())
def test_nothing_is_missed_while_the_history_is_whole(steps: list[tuple[str, Any]], channels: bool) -> None:
    """If the gateway has lost nothing, a client gets exactly what was published behind its position, takeovers too."""

    async def run() -> None:
        world = World(channels=channels)
        for client in await play(world, steps, {}):
            for symbol in client.since:
                world.check(client, symbol, exact=True)

    run_virtual(run())

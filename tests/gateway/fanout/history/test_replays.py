"""Clients that ask for what they missed get exactly that, or hear what they lack."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fanout.history.replays import AHEAD_S
from gateway.protocol.msgpack_encoding import MSGPACK
from tests.fakes import run_virtual
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


@settings(max_examples=200, deadline=None)
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


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_nothing_is_missed_while_the_history_is_whole(seed: int, channels: bool) -> None:
    """If the gateway has lost nothing, a client gets exactly what was published behind its position, takeovers too."""

    async def run() -> None:
        world = World(channels=channels)
        for client in await play(world, happenings(random.Random(seed), LOSSLESS), {}):
            for symbol in client.since:
                world.check(client, symbol, exact=True)

    run_virtual(run())

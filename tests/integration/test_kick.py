"""`tickgate kick` and `tickgate revoke`, with real gateways that share a real bus."""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from deploy.ports import free_port
from deploy.process.processes import Process
from tests.client import Client, connected
from tests.gateway.auth.tokens import SECRET, token
from tests.integration.stacks import answers, environment, members_of
from tests.integration.test_settings_again import polled
from tests.proxy import Proxy
from tests.valkey import Valkey
from tests.waiting import until

pytestmark = pytest.mark.integration

KICKED_WITHIN_S = 4.0
"""From the start of the command to the end of the last connection."""
ROUNDS = 20
CUT_S = 5.0
"""Longer than a gateway waits for an answer of the bus."""


def bearer(subject: str, token_id: str = "") -> str:
    """A token of now."""
    return token("HS256", SECRET, sub=subject, jti=token_id, exp=time.time() + 3600)


@asynccontextmanager
async def gateways(*bus_urls: str) -> AsyncIterator[list[str]]:
    """A gateway for each bus's URL, all of which need tokens; the URLs for clients."""
    async with AsyncExitStack() as exits:
        ports = [free_port() for _ in bus_urls]
        for port, bus_url in zip(ports, bus_urls, strict=True):
            settings = environment(BUS_URL=bus_url, GATEWAY_PORT=str(port), AUTH_MODE="jwt", JWT_SECRET=SECRET)
            process = Process(
                f"gateway {port}",
                (sys.executable, "-m", "gateway"),
                env=settings,
                say=lambda name, line: print(name, line),  # noqa: T201 # shown on failure
            )
            await process.start()
            exits.push_async_callback(_stop, process)
        for port in ports:
            await answers(f"http://127.0.0.1:{port}/readyz", 200)
        yield [f"ws://127.0.0.1:{port}/ws" for port in ports]


async def _stop(process: Process) -> None:
    await process.stop(20)
    assert members_of(set(process.pids)) == {}


async def command(bus_url: str, *words: str) -> None:
    """Run ``tickgate`` with these words, as an operator does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy", *words, env=environment(BUS_URL=bus_url), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert 0 == process.returncode
    assert b"told all gateways" in out


@asynccontextmanager
async def at_each(urls: Sequence[str], bearing: str) -> AsyncIterator[list[Client]]:
    """A client at every gateway, which holds a symbol."""
    async with AsyncExitStack() as exits:
        clients = [await exits.enter_async_context(connected(url, bearing)) for url in urls]
        for client in clients:
            await client.subscribe("BTC", conflate=False)
        yield clients


async def get_on(clients: Sequence[Client]) -> None:
    """Wait until these clients have further prices, and look that they have missed none."""
    before = [client.newest_seq("BTCUSDT") for client in clients]
    for client, seq in zip(clients, before, strict=True):
        await client.until(lambda client: client.newest_seq("BTCUSDT") > seq + 5)  # noqa: B023 # awaited in this turn
    assert [[]] * len(clients) == [client.gaps() for client in clients]


async def test_a_kick_and_a_revocation_reach_every_gateway(valkey: Valkey) -> None:
    """All connections of the subject and of the token end, with the code that says so; neighbours miss no tick."""
    async with polled(valkey), gateways(valkey.url, valkey.url) as urls, at_each(urls, bearer("alice")) as neighbours:
        clock = asyncio.get_running_loop().time
        for words, code, bearing in (
            (("kick", "mallory"), 4410, bearer("mallory", "m-1")),
            (("revoke", "b-1"), 4401, bearer("bob", "b-1")),
        ):
            async with at_each(urls, bearing) as clients:
                began = clock()
                await command(valkey.url, *words)
                assert [code, code] == [await client.until_closed() for client in clients]
                took_s = clock() - began
                print(f"{' '.join(words)}: all closed {took_s:.2f} s after the command began")  # noqa: T201
                assert took_s <= KICKED_WITHIN_S
        await get_on(neighbours)


@pytest.mark.long("gateway", "market", "deploy/orders.py")
async def test_a_gateway_whose_link_was_cut_obeys_when_it_is_back(valkey: Valkey) -> None:
    """It kept its clients meanwhile, who had no news of the kick; the neighbours stay all the time."""
    async with Proxy(valkey.port) as proxy, polled(valkey):
        other = valkey.url.replace(f":{valkey.port}", f":{proxy.address.rpartition(':')[2]}")
        async with (
            gateways(valkey.url, other) as urls,
            at_each(urls, bearer("alice")) as neighbours,
            at_each(urls, bearer("mallory")) as (near, far),
        ):
            proxy.to_server.cut()
            proxy.to_client.cut()
            await far.until(lambda client: client.status.get("feed") == "stale")
            await command(valkey.url, "kick", "mallory")
            assert 4410 == await near.until_closed()
            await asyncio.sleep(CUT_S)
            assert not far.closed
            await proxy.heal()
            assert 4410 == await far.until_closed(20)
            await neighbours[1].until(lambda client: client.status.get("feed") == "live", 20)
            await get_on(neighbours[:1])
            assert not any(client.closed for client in neighbours)


@pytest.mark.long("gateway", "market", "deploy/orders.py")
async def test_how_long_a_kick_takes(valkey: Valkey) -> None:
    """Twenty kicks of a subject at two gateways: what docs/access.md states. Prints it with -s."""
    async with polled(valkey), gateways(valkey.url, valkey.url) as urls:
        clock, whole, after = asyncio.get_running_loop().time, [], []
        for number in range(ROUNDS):
            # Gateways ask twice a second: the kicks begin at different times between two questions.
            await asyncio.sleep(number / ROUNDS / 2)
            async with at_each(urls, bearer("mallory")) as clients:
                began = clock()
                telling = asyncio.create_task(command(valkey.url, "kick", "mallory"))
                telling.add_done_callback(lambda _: after.append(clock()))
                for client in clients:
                    assert 4410 == await client.until_closed()
                whole.append(clock() - began)
                await telling
                after[-1] = max(0.0, began + whole[-1] - after[-1])
        await until(lambda: len(after) == ROUNDS)
        for name, seconds in (("the command began", whole), ("it ended", after)):
            print(f"closed after {name}: median {statistics.median(seconds):.2f} s, most {max(seconds):.2f} s")  # noqa: T201
        assert max(whole) <= KICKED_WITHIN_S

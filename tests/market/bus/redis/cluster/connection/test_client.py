"""Commands to a real cluster that is not as it should be."""

import asyncio
import time

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from deploy.ports import free_port
from market.bus import BusDownError, open_bus
from market.bus.redis.cluster.connection.client import ClusterClient, together
from market.bus.redis.cluster.connection.nodes import Nodes
from market.bus.redis.cluster.connection.slots import slot_of
from market.bus.redis.cluster.connection.url import parse_cluster_url
from market.bus.redis.cluster.roles.layout import partition_key
from market.bus.redis.connection.commands import command
from market.bus.redis.connection.dial import ANSWER_TIMEOUT_S
from tests.market.bus.redis.connection.scripted import ScriptedRedis
from tests.market.bus.using import outcome_of
from tests.valkey import Valkey
from tests.valkey_cluster import ValkeyCluster
from tests.waiting import until


async def test_nodes_that_are_not_there(valkey_cluster: ValkeyCluster) -> None:
    """Seeds that cannot be reached do no harm while one can; where none can, the reason is told in time."""
    live = valkey_cluster.nodes[4].port
    gone = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    assert "" == await outcome_of(f"redis+cluster://{gone[0]},127.0.0.1:{live},{gone[1]}")
    said = await outcome_of(f"redis+cluster://{','.join(gone)}")
    assert "connecting to 127.0.0.1:" in said


async def test_a_server_that_is_no_cluster(valkey: Valkey) -> None:
    """A single server says so, and the reason is passed on."""
    said = await outcome_of(f"redis+cluster://127.0.0.1:{valkey.port}")
    assert "cluster support disabled" in said


async def test_a_node_that_ends_connections_after_it_took_one_is_no_fault_of_tls() -> None:
    """The hint at TLS is for a node that never took a connection."""
    async with ScriptedRedis() as node:
        url = parse_cluster_url(node.url.replace("redis://", "redis+cluster://").removesuffix("/0"))
        nodes = Nodes(url)
        await (await nodes.dial(url.addresses[0])).disconnect()
        node.rejects = True
        with pytest.raises(RedisConnectionError) as failed:
            await nodes.dial(url.addresses[0])
        assert str(failed.value).startswith(f"{url.place} ended the connection: ")
        assert "TLS" not in str(failed.value)
        with pytest.raises(RedisConnectionError, match=r"where it speaks TLS, write rediss\+cluster://"):
            await Nodes(url).dial(url.addresses[0])


async def test_a_frozen_node_is_told(valkey_cluster: ValkeyCluster) -> None:
    """A node that does not answer is named, and what the other nodes have can be asked meanwhile."""
    bus = open_bus(valkey_cluster.url)
    keys: dict[int, str] = {}
    while len(keys) < 2:
        key = f"k{len(keys)}-{time.monotonic_ns()}"
        await bus.tickets.put(key, b"1", 30)
        owner = next(node for node in valkey_cluster.nodes[:3] if f"ticket.{key}".encode() in node.command("KEYS", "*"))
        if owner is not valkey_cluster.nodes[2]:
            keys[owner.port] = key
    frozen, other = valkey_cluster.nodes[0], valkey_cluster.nodes[1]
    with frozen.frozen():
        began = time.monotonic()
        said, found = await asyncio.gather(
            bus.tickets.take(keys[frozen.port]), bus.tickets.take(keys[other.port]), return_exceptions=True
        )
        assert time.monotonic() - began < ANSWER_TIMEOUT_S + 1
        assert isinstance(said, BusDownError)
        assert f"127.0.0.1:{frozen.port} did not answer in time" == str(said)
        assert b"1" == found
    await bus.aclose()


async def test_a_password(valkey_cluster: ValkeyCluster) -> None:
    """User and password of the URL are for every node; a wrong password is told without it."""
    for node in valkey_cluster.nodes:
        node.command("ACL", "SETUSER", "us", "on", ">s/same", "+@all", "~*", "&*")
    try:
        places = valkey_cluster.url.partition("://")[2]
        assert "" == await outcome_of(f"redis+cluster://us:s%2Fsame@{places}")
        said = await outcome_of(f"redis+cluster://us:wrong-sesame@{places}")
        assert "refused user or password" in said
        assert "sesame" not in said
    finally:
        for node in valkey_cluster.nodes:
            node.command("ACL", "DELUSER", "us")


async def test_many_at_once(valkey_cluster: ValkeyCluster) -> None:
    """Each of many commands for different slots gets its own answer, or its own error, also where a slot has moved."""
    client = ClusterClient(valkey_cluster.url)
    keys = [partition_key(number).encode() for number in range(6)]
    for round_ in range(3):
        requests = [(slot_of(key), command(b"HSET", key, b"f%d" % round_, b"x")) for key in keys]
        requests.append((slot_of(keys[0]), command(b"NONSENSE")))
        *answers, error = await client.send_all(requests)
        assert [1] * 6 == answers
        assert isinstance(error, ResponseError)
        source = valkey_cluster.owner(round_)
        valkey_cluster.move(round_, next(node for node in valkey_cluster.nodes[:3] if node is not source))
    assert [] == await client.send_all([])
    await client.aclose()


async def test_an_error_waits_for_the_others() -> None:
    """Of several questions none is under way any more when the error of one is raised."""
    answered = []

    async def answer(number: int) -> int:
        await asyncio.sleep(0.01 * number)
        if number == 1:
            raise BusDownError("no")
        answered.append(number)
        return number

    with pytest.raises(BusDownError):
        await together(*map(answer, range(4)))
    assert [0, 2, 3] == answered
    assert [2, 3] == await together(answer(2), answer(3))


async def test_closing_while_it_asks() -> None:
    """A bus that is closed while nodes are dialled leaves nothing behind."""
    async with ScriptedRedis() as silent:
        silent.says = b""
        client = ClusterClient(silent.url.replace("redis://", "redis+cluster://"))
        asking = asyncio.create_task(client.ask("k", b"GET", "k"))
        await until(lambda: silent.asked)
        asking.cancel()
        await client.aclose()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: not silent.connections)

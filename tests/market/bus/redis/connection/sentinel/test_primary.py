"""The primary that Sentinels name: dialled, checked, and left for its successor."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.ports import free_port
from market.bus import Bus, BusDownError, open_bus
from market.wire.topics import last_ticks
from tests.market.bus.receivers import TIMEOUT_S, RecordingReceiver
from tests.market.bus.redis.connection.sentinel.scripted import ScriptedSentinel, scripted, url_of
from tests.market.bus.redis.connection.tls_front import Certificates, tls_front
from tests.market.bus.using import lead, listen, outcome_of, publish
from tests.market.samples import heartbeat, tick
from tests.valkey import Valkey
from tests.waiting import until


@pytest.fixture
async def sentinels() -> AsyncIterator[list[ScriptedSentinel]]:
    """Three Sentinels that say what a test wants."""
    async with scripted() as sentinels:
        yield sentinels


def name(sentinels: list[ScriptedSentinel], server: Valkey | int, epoch: int) -> None:
    """Let all of them name this server, and announce it."""
    for sentinel in sentinels:
        sentinel.primary = ("127.0.0.1", server if isinstance(server, int) else server.port)
        sentinel.epoch = epoch
        sentinel.announce()


TOO_SLOW = re.compile("in time|has answered yet")
"""What is said where a machine was too busy for an answer: the next attempt may say why there is none."""


async def published(bus: Bus, server: Valkey, seq: int) -> None:
    """Wait until a tick that is published is on ``server``."""
    async with asyncio.timeout(TIMEOUT_S):
        while not server.last_values():
            await asyncio.gather(publish(bus, [tick(seq=seq)]), return_exceptions=True)


async def test_everything_leaves_the_old_primary_as_soon_as_a_new_one_is_named(
    servers: Callable[..., Valkey], sentinels: list[ScriptedSentinel]
) -> None:
    """A subscription ends with that reason, also a command that waits for its answer, though the old one serves on."""
    old, new = servers(), servers()
    name(sentinels, old, 0)
    bus = open_bus(url_of(sentinels))
    link = await listen(bus, ["BTCUSDT"], RecordingReceiver())
    await publish(bus, [tick()])
    old.freeze()
    asking = asyncio.create_task(bus.tickets.take("1"))
    await asyncio.sleep(0)
    began = asyncio.get_running_loop().time()
    name(sentinels, new, 1)
    with pytest.raises(BusDownError):
        await asking
    async with asyncio.timeout(TIMEOUT_S):
        assert f"the primary mymaster is now 127.0.0.1:{new.port}" == await link.lost
    assert asyncio.get_running_loop().time() - began < 1.5
    await publish(bus, [tick(seq=2)])
    receiver = RecordingReceiver()
    link = await listen(bus, ["BTCUSDT"], receiver)
    new.command("PUBLISH", "tick.BTCUSDT", b"newer")
    await receiver.until_count(1)
    assert new.last_values()
    old.thaw()
    # Nobody is left there but the one that asks.
    await until(lambda: old.command("INFO", "clients")["connected_clients"] == 1)
    link.close()
    await bus.aclose()


async def test_a_subscription_waits_longer_than_a_command(
    servers: Callable[..., Valkey], sentinels: list[ScriptedSentinel]
) -> None:
    """So it is there as soon as a new primary is named, and need not be tried again after a pause."""
    old, new = servers(), servers()
    name(sentinels, old, 0)
    bus = open_bus(url_of(sentinels))
    await publish(bus, [tick()])
    old.stop()
    listening = asyncio.create_task(listen(bus, ["BTCUSDT"], RecordingReceiver()))
    with pytest.raises(BusDownError):
        await publish(bus, [tick(seq=2)])
    with pytest.raises(BusDownError):
        await publish(bus, [tick(seq=2)])
    assert not listening.done()
    name(sentinels, new, 1)
    link = await listening
    await publish(bus, [tick(seq=2)])
    assert new.last_values()
    link.close()
    await bus.aclose()


@pytest.mark.parametrize("state", ["dead", "frozen", "replica", "sentinel"])
async def test_a_server_that_is_no_primary_is_given_time_to_be_replaced(
    servers: Callable[..., Valkey], sentinels: list[ScriptedSentinel], state: str
) -> None:
    """A command that is under way then reaches the new one; no command ends on the wrong one."""
    old, new = servers(), servers()
    match state:
        case "dead":
            old.stop()
        case "frozen":
            old.freeze()
        case "replica":
            old.command("REPLICAOF", "127.0.0.1", free_port())
    name(sentinels, sentinels[1].port if state == "sentinel" else old, 0)
    bus = open_bus(url_of(sentinels))
    asking = asyncio.create_task(lead(bus))
    await until(lambda: all(sentinel.asked for sentinel in sentinels))
    name(sentinels, new, 1)
    assert await asking is not None
    assert new.command("GET", "lease.test") is not None
    await bus.aclose()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("dead", r"Connect call failed|Connection refused"),
        ("frozen", "did not answer in time"),
        ("replica", "is a replica"),
    ],
)
async def test_what_is_wrong_with_the_named_server_is_said(
    servers: Callable[..., Valkey], sentinels: list[ScriptedSentinel], state: str, said: str
) -> None:
    """With its place, and that it is the Sentinels who name it."""
    server = servers()
    name(sentinels, server, 0)
    bus = open_bus(url_of(sentinels))
    match state:
        case "dead":
            server.stop()
        case "frozen":
            server.freeze()
        case "replica":
            server.command("REPLICAOF", "127.0.0.1", free_port())
    fault = await outcome_of(bus)
    assert f"127.0.0.1:{server.port}" in fault
    assert "Sentinel names it as the primary mymaster" in fault
    assert re.search(said, fault), fault
    server.thaw()
    await bus.aclose()


async def test_without_sentinels_a_primary_that_is_known_is_used_on(
    servers: Callable[..., Valkey], sentinels: list[ScriptedSentinel]
) -> None:
    """All of them down, or unable: links stay, and new ones are made. A bus that never saw one says why."""
    server = servers()
    name(sentinels, server, 3)
    bus, late = open_bus(url_of(sentinels)), open_bus(url_of(sentinels))
    receiver = RecordingReceiver()
    link = await listen(bus, ["BTCUSDT"], receiver)
    for sentinel in sentinels:
        sentinel.refuses[b"HELLO"] = sentinel.refuses[b"SENTINEL GET-MASTER-ADDR-BY-NAME"] = b"ERR broken"
        sentinel.drop()
    assert await outcome_of(bus) == ""
    server.command("CLIENT", "KILL", "TYPE", "normal")
    async with asyncio.timeout(TIMEOUT_S):
        # The first try finds out that its connection is gone.
        while (await asyncio.gather(publish(bus, [tick(seq=2)]), return_exceptions=True))[0] is not None:
            pass
    await receiver.until_count(2)
    assert not link.lost.done()
    assert "no Sentinel names the primary mymaster" in await outcome_of(late)
    link.close()
    await bus.aclose()
    await late.aclose()


async def test_names_that_differ_are_one_server(
    servers: Callable[..., Valkey], sentinels: list[ScriptedSentinel]
) -> None:
    """Sentinels of one epoch that announce a name and an address: whichever can be reached is used, and kept."""
    server = servers()
    name(sentinels, server, 1)
    sentinels[0].primary = ("localhost", server.port)
    sentinels[1].primary = sentinels[2].primary = ("127.0.0.2", server.port)
    bus = open_bus(url_of(sentinels))
    receiver = RecordingReceiver()
    link = await listen(bus, ["BTCUSDT"], receiver)
    await publish(bus, [tick()])
    sentinels[2].primary = ("127.0.0.1", server.port)
    sentinels[2].announce()
    asked = sentinels[2].asked
    await until(lambda: sentinels[2].asked > asked + 1)
    assert not link.lost.done()
    await publish(bus, [tick(seq=2)])
    await receiver.until_count(2)
    link.close()
    await bus.aclose()


async def test_ipv6(servers: Callable[..., Valkey], sentinels: list[ScriptedSentinel]) -> None:
    """Sentinels name such an address without brackets."""
    server = servers(bind="::1 127.0.0.1")
    for sentinel in sentinels:
        sentinel.primary = ("::1", server.port)
    assert await outcome_of(url_of(sentinels)) == ""


async def test_tls_and_passwords_of_both_kinds(
    servers: Callable[..., Valkey], sentinels: list[ScriptedSentinel], tmp_path: Path
) -> None:
    """Data servers and Sentinels have certificates and passwords of their own; each option reaches its own kind."""
    server = servers()
    server.command("ACL", "SETUSER", "prices", "on", ">ses@me", "~*", "&*", "+@all")
    server.command("ACL", "SETUSER", "default", "resetpass", ">another")
    (tmp_path / "data").mkdir()
    (tmp_path / "own").mkdir()
    data, own = Certificates(tmp_path / "data"), Certificates(tmp_path / "own")
    async with (
        tls_front(server.port, data.ca.issue_cert("127.0.0.1")) as front,
        tls_front(sentinels[0].port, own.ca.issue_cert("127.0.0.1"), clients_of=own.ca) as sentinel,
    ):
        sentinels[0].primary = ("127.0.0.1", front)
        place = f"127.0.0.1:{sentinel}/mymaster/0"
        theirs = f"ssl_ca_certs={data.ca_file}"
        ours = f"sentinel_ssl_ca_certs={own.ca_file}&sentinel_ssl_certfile={own.both}"
        assert await outcome_of(f"rediss+sentinel://prices:ses%40me@{place}?{theirs}&{ours}") == ""
        wrong = {
            f"prices:ses%40me@{place}?{theirs}": f"certificate of Sentinel 127.0.0.1:{sentinel} .* sentinel_ssl_ca",
            f"prices:ses%40me@{place}?{theirs}&sentinel_ssl_ca_certs={own.ca_file}": "as sentinel_ssl_certfile",
            f"prices:ses%40me@{place}?{theirs}&sentinel_ssl=false": "write sentinel_ssl=true in BUS_URL",
            f"prices:ses%40me@{place}?{ours}": f"certificate of 127.0.0.1:{front} .* in BUS_URL as ssl_ca_certs",
            f"prices:no@{place}?{theirs}&{ours}": f"127.0.0.1:{front} refused user or password",
            f"{place}?{theirs}&{ours}": "asks for user and password|NOAUTH",
        }
        faults = await asyncio.gather(*(_fault(f"rediss+sentinel://{rest}") for rest in wrong))
        for fault, said in zip(faults, wrong.values(), strict=True):
            assert re.search(said, fault), fault
            assert "ses@me" not in fault
        plain = f"redis+sentinel://prices:ses%40me@{place}?sentinel_ssl=true&{ours}"
        assert "write rediss+sentinel:// in BUS_URL" in await _fault(plain)


async def _fault(url: str) -> str:
    """Why the bus cannot be used, when the machine has had the time to find out."""
    async with asyncio.timeout(2 * TIMEOUT_S):
        while TOO_SLOW.search(fault := await outcome_of(url)):
            pass
    return fault


async def test_many_questions_at_once_wait_for_one_answer(
    servers: Callable[..., Valkey], sentinels: list[ScriptedSentinel]
) -> None:
    """The Sentinels are not asked for every connection."""
    server = servers()
    name(sentinels, server, 0)
    bus = open_bus(url_of(sentinels))
    await asyncio.gather(*(bus.tickets.put(f"{number}", b"", 30) for number in range(40)))
    await asyncio.gather(*(publish(bus, [tick(seq=number)], heartbeat()) for number in range(1, 20)))
    assert await last_ticks(bus.last_values)
    assert [1, 1, 1] == [len(sentinel.connections) for sentinel in sentinels]
    await bus.aclose()
    await until(lambda: not any(sentinel.connections for sentinel in sentinels))

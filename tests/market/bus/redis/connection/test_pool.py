"""Connections to a server that is not, or is no longer, the one that the address means."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from market.bus import Bus, BusDownError, LeaseLostError, Token, open_bus
from market.wire.topics import last_ticks
from tests.market.bus.receivers import RecordingReceiver
from tests.market.bus.redis.connection.scripted import ScriptedRedis
from tests.market.bus.using import lead, listen, publish
from tests.market.samples import heartbeat, tick
from tests.valkey import Valkey
from tests.waiting import until

TOKEN = Token("test", "we", 1, 30)
AT_ONCE = 4
"""Questions asked side by side, so that there are as many connections."""

READONLY = b"READONLY You can't write against a read only replica."
NOT_HERE = [
    READONLY,
    b"READONLY You can't write against a read only replica. script: on @user_script:1.",
    b"ERR Error running script (call to f_1): @user_script:3: @user_script: 3: -READONLY You can't write",
    b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    b"LOADING Redis is loading the dataset in memory",
    b"NOAUTH Authentication required.",
    b"MOVED 7629 127.0.0.1:6381",
    b"MOVED 7629 127.0.0.1:6381 script: on @user_script:1.",
    b"ASK 7629 127.0.0.1:6381",
    b"CLUSTERDOWN Hash slot not served",
    b"CROSSSLOT Keys in request don't hash to the same slot",
    b"TRYAGAIN Multiple keys request during rehashing of slot",
    b"NOREPLICAS Not enough good replicas to write.",
    b"BUSY Valkey is busy running a script. You can only call SCRIPT KILL or FUNCTION KILL.",
    b"MISCONF Valkey is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    b"IDONTKNOW",
    b"ERR upstream failure",
]
QUESTIONS: dict[str, Callable[[Bus], Awaitable[object]]] = {
    "publish": lambda bus: publish(bus, [tick()], heartbeat(), token=TOKEN),
    "hold": lead,
    "take": lambda bus: bus.tickets.take("1"),
    "last_values": lambda bus: last_ticks(bus.last_values),
}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedRedis]:
    """A server that says what a test wants."""
    async with ScriptedRedis() as server:
        yield server


@pytest.fixture
async def bus(server: ScriptedRedis) -> AsyncIterator[Bus]:
    """A bus on it, with some connections that have served."""
    bus = open_bus(server.url)
    server.says = b""
    asking = [asyncio.create_task(bus.tickets.take(f"{number}")) for number in range(AT_ONCE)]
    # Else one question could go over the connection of another that is answered already.
    await until(lambda: server.asked == AT_ONCE)
    server.says = None
    server.say(b"$-1\r\n")
    await asyncio.gather(*asking)
    assert (AT_ONCE, AT_ONCE) == (server.accepted, len(server.connections))
    yield bus
    await bus.aclose()


@pytest.mark.parametrize("refusal", NOT_HERE)
@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_refusal_condemns_every_connection(
    bus: Bus, server: ScriptedRedis, refusal: bytes, question: str
) -> None:
    """After one refusal no earlier connection is used, and the next command dials."""
    server.refuse(refusal)
    with pytest.raises(BusDownError):
        await QUESTIONS[question](bus)
    await until(lambda: not server.connections)
    server.says = None
    for ask in QUESTIONS.values():
        await ask(bus)
    assert (AT_ONCE + 1, 1) == (server.accepted, len(server.connections))


async def test_a_refusal_condemns_connections_that_are_in_use(bus: Bus, server: ScriptedRedis) -> None:
    """A command under way when another is refused still gets its answer; then its connection is closed."""
    server.says = b""
    waiting = asyncio.create_task(bus.tickets.take("1"))
    await until(lambda: server.asked == AT_ONCE + 1)
    server.refuse(READONLY)
    with pytest.raises(BusDownError):
        await lead(bus)
    await until(lambda: len(server.connections) == 1)
    server.say(b"$2\r\nit\r\n")
    assert b"it" == await waiting
    await until(lambda: not server.connections)


async def test_silence_condemns_every_connection(bus: Bus, server: ScriptedRedis) -> None:
    """After one command without an answer in time, no other uses an earlier connection."""
    server.says = b""
    with pytest.raises(BusDownError):
        await bus.tickets.take("1")
    await until(lambda: not server.connections)


async def test_nonsense_condemns_every_connection(bus: Bus, server: ScriptedRedis) -> None:
    """After a wrong answer every connection to that peer is closed."""
    server.says = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with pytest.raises(BusDownError, match="protocol"):
        await bus.tickets.take("1")
    await until(lambda: not server.connections)


async def test_what_was_not_asked_for_answers_no_question(bus: Bus, server: ScriptedRedis) -> None:
    """A connection with an unexpected answer is not used again, so that no command gets another's answer."""
    server.say(b"$5\r\nwrong\r\n")
    await until(lambda: not server.connections)
    server.says = b"$2\r\nit\r\n$5\r\nwrong\r\n"
    assert b"it" == await bus.tickets.take("1")
    server.says = b"$2\r\nit\r\n"
    assert b"it" == await bus.tickets.take("1")


async def test_a_wrong_server_is_not_dialled_for_every_question(bus: Bus, server: ScriptedRedis) -> None:
    """A wrong server is dialled only a few times a second, for any number of refused commands."""
    loop = asyncio.get_running_loop()
    server.refuse(READONLY)
    began, dialled = loop.time(), server.accepted
    for _ in range(50):
        outcomes = await asyncio.gather(*(bus.tickets.take("1") for _ in range(20)), return_exceptions=True)
        assert {BusDownError} == {type(outcome) for outcome in outcomes}
    renewals = 1 + (loop.time() - began) / 0.5
    assert server.accepted - dialled <= 8 * (1 + renewals)


async def test_a_lost_lease_condemns_nothing(bus: Bus, server: ScriptedRedis) -> None:
    """A server that refuses to publish without the lease is the right one."""
    server.refuse(b"LEASELOST the lease has run out or is of another")
    with pytest.raises(LeaseLostError):
        await publish(bus, [tick()], token=TOKEN)
    server.says = None
    await bus.tickets.take("1")
    assert (AT_ONCE, AT_ONCE) == (server.accepted, len(server.connections))


async def test_a_dial_that_fails_condemns_nothing(bus: Bus, server: ScriptedRedis) -> None:
    """If no further connection can be made, the present ones are still used."""
    server.shut()
    server.says = b""
    asking = [asyncio.create_task(bus.tickets.take("1")) for _ in range(AT_ONCE)]
    await until(lambda: server.asked == 2 * AT_ONCE)
    for more in (bus.tickets.take("1"), listen(bus, [], RecordingReceiver())):
        with pytest.raises(BusDownError):
            await more
    server.say(b"$-1\r\n")
    assert [None] * AT_ONCE == await asyncio.gather(*asking)
    assert AT_ONCE == len(server.connections)


async def test_subscribing_condemns_every_connection_made_before(bus: Bus, server: ScriptedRedis) -> None:
    """A subscription is made on a new connection, and later commands use newer ones too."""
    link = await listen(bus, ["BTCUSDT"], RecordingReceiver())
    await until(lambda: len(server.connections) == 1)
    await last_ticks(bus.last_values)
    assert (AT_ONCE + 2, 2) == (server.accepted, len(server.connections))
    link.close()


async def test_a_missing_password_condemns_nothing(valkey: Valkey) -> None:
    """A password that is set while we run only refuses new connections; earlier ones and links continue."""
    bus = open_bus(valkey.url)
    link = await listen(bus, ["BTCUSDT"], RecordingReceiver())
    await publish(bus, [tick()])
    valkey.command("CONFIG", "SET", "requirepass", "sesame")
    try:
        for _ in range(3):
            outcomes = await asyncio.gather(*(bus.tickets.put("1", b"", 30) for _ in range(4)), return_exceptions=True)
            assert outcomes.count(None) == 1
            refusals = [str(error) for error in outcomes if error]
            assert ["Authentication required" in refusal for refusal in refusals] == [True] * 3
        await publish(bus, [tick(seq=2)])
        assert not link.lost.done()
    finally:
        link.close()
        await bus.aclose()
        valkey.stop()

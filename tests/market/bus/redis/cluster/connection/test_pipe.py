"""A connection to a node with many commands under way; on a real server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ResponseError

from market.bus.redis.cluster.connection.pipe import NodePipe, UnansweredError
from market.bus.redis.connection.commands import command
from market.bus.redis.connection.dial import dial
from market.bus.redis.connection.url import parse_redis_url
from tests.market.bus.redis.connection.scripted import ScriptedRedis
from tests.valkey import Valkey
from tests.waiting import until


@pytest.fixture
async def pipe(valkey: Valkey) -> AsyncIterator[NodePipe]:
    """A pipe to a running server."""
    pipe = NodePipe(await dial(parse_redis_url(valkey.url)))
    yield pipe
    pipe.close()


def echo(word: bytes) -> bytes:
    """A command whose answer is known."""
    return command(b"ECHO", word)


async def test_each_command_gets_its_answer(pipe: NodePipe) -> None:
    """Many commands at once get their answers in order; a refusal is one of them."""
    answers = await asyncio.gather(
        *(pipe.execute(echo(b"%d" % number)) for number in range(500)),
        pipe.execute(command(b"NONSENSE")),
        pipe.execute(echo(b"last")),
        return_exceptions=True,
    )
    assert [b"%d" % number for number in range(500)] == answers[:500]
    assert isinstance(answers[500], ResponseError)
    assert b"last" == answers[501]


async def test_a_command_that_nobody_waits_for_keeps_its_place(pipe: NodePipe, valkey: Valkey) -> None:
    """After a cancellation the next command still gets its own answer."""
    with valkey.frozen():
        waiting = asyncio.create_task(pipe.execute(echo(b"1")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        asking = asyncio.create_task(pipe.execute(echo(b"2")))
        await asyncio.sleep(0)
    assert b"2" == await asking
    assert b"3" == await pipe.execute(echo(b"3"))


async def test_asking_is_part_of_the_command(pipe: NodePipe) -> None:
    """The answer to the leave that goes before a command is nobody's."""
    answers = await asyncio.gather(pipe.execute(echo(b"1"), asking=True), pipe.execute(echo(b"2")))
    assert [b"1", b"2"] == list(answers)


@pytest.mark.parametrize("how", ["server", "we"])
async def test_a_lost_connection(how: str) -> None:
    """What was sent is unanswered; what is sent after that is not sent at all."""
    async with ScriptedRedis() as server:
        server.says = b""
        pipe = NodePipe(await dial(parse_redis_url(server.url)))
        asking = [asyncio.create_task(pipe.execute(command(b"GETDEL", b"1"))) for _ in range(3)]
        await until(lambda: server.asked == 3)
        if how == "we":
            pipe.close("too late")
        else:
            (connection,) = server.connections
            connection.transport.abort()
        for one in asking:
            with pytest.raises(UnansweredError, match="too late" if how == "we" else "."):
                await one
        assert not pipe.alive
        with pytest.raises(ConnectionError) as error:
            await pipe.execute(echo(b"2"))
        assert not isinstance(error.value, UnansweredError)
        pipe.close()


@pytest.mark.parametrize("said", [b"+unasked\r\n", b"what is this\r\n"])
async def test_what_is_no_answer_ends_it(said: bytes) -> None:
    """Bytes that belong to no command cannot be told from answers: the connection is given up."""
    async with ScriptedRedis() as server:
        pipe = NodePipe(await dial(parse_redis_url(server.url)))
        server.say(said)
        await until(lambda: not pipe.alive)

"""A connection to one Sentinel."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ResponseError

from market.bus.redis.connection.dial import dial
from market.bus.redis.connection.sentinel.link import SentinelLink, UnknownMasterError
from market.bus.redis.connection.sentinel.verdict import Address, Answer
from market.bus.redis.connection.url import RedisUrl
from tests.market.bus.redis.connection.sentinel.scripted import ScriptedSentinel, scripted
from tests.sentinel import Sentinels
from tests.waiting import HANGS_AFTER_S

HERE = Address("127.0.0.1", 7000)


@pytest.fixture
async def sentinel() -> AsyncIterator[ScriptedSentinel]:
    """A Sentinel that says what a test wants."""
    async with scripted(1) as (sentinel,):
        yield sentinel


async def linked(port: int, master: str = "mymaster") -> SentinelLink:
    """Open a link."""
    link = SentinelLink(await dial(RedisUrl(host="127.0.0.1", port=port)), master)
    await link.open()
    return link


async def test_a_real_sentinel_names_the_primary(sentinels: Sentinels) -> None:
    """It says where the primary is, and of which epoch that is."""
    link = await linked(sentinels.sentinels[0].port, "tickgate")
    assert Answer(Address("127.0.0.1", sentinels.primary().port), 0) == await link.primary()
    link.close()
    unknown = await linked(sentinels.sentinels[0].port, "another")
    with pytest.raises(UnknownMasterError):
        await unknown.primary()
    unknown.close()


async def test_news_come_at_once(sentinel: ScriptedSentinel) -> None:
    """A new primary of ours is news, one of another name is not, and so is the end of the connection."""
    link = await linked(sentinel.port)
    sentinel.announce("mymaster2")
    sentinel.epoch = 3
    assert Answer(HERE, 3) == await link.primary()
    assert not link.news.is_set()
    for happen in (sentinel.announce, sentinel.drop):
        link.news.clear()
        happen()
        async with asyncio.timeout(HANGS_AFTER_S):
            await link.news.wait()
    with pytest.raises(ConnectionError):
        await link.primary()
    link.close()


@pytest.mark.parametrize(
    ("command", "refusal", "expected"),
    [
        (b"SUBSCRIBE", b"NOPERM this user has no permissions to run the 'subscribe' command", Answer(HERE, 5)),
        (b"SENTINEL MASTER", b"NOPERM this user has no permissions to run 'sentinel|master'", Answer(HERE, 0)),
    ],
)
async def test_rights_that_are_missing(
    sentinel: ScriptedSentinel, command: bytes, refusal: bytes, expected: Answer
) -> None:
    """Without the right to subscribe, or to see the epoch, the address is still told."""
    sentinel.refuses[command], sentinel.epoch = refusal, 5
    link = await linked(sentinel.port)
    assert expected == await link.primary()
    link.close()


async def test_a_refusal_is_an_error(sentinel: ScriptedSentinel) -> None:
    """The words of the Sentinel are in it."""
    link = await linked(sentinel.port)
    sentinel.refuses[b"SENTINEL GET-MASTER-ADDR-BY-NAME"] = b"NOPERM no"
    with pytest.raises(ResponseError, match="NOPERM no"):
        await link.primary()
    link.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        *(b"*0\r\n", b"+OK\r\n", b":7\r\n", b"HTTP/1.1 400\r\n", b"+a\r\n+b\r\n", b"%1\r\n*0\r\n+a\r\n", b">0\r\n"),
        *(b"*2\r\n$1\r\na\r\n$%d\r\n%b\r\n" % (len(port), port) for port in (b"b", b"0", b"65536", b"9" * 5000)),
        *(b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n:999999999\r\n", b">1\r\n$7\r\nmessage\r\n"),
    ],
)
async def test_an_answer_that_no_sentinel_gives(sentinel: ScriptedSentinel, nonsense: bytes) -> None:
    """It is an error, and no address."""
    link = await linked(sentinel.port)
    sentinel.says = nonsense

    async def ask_twice() -> None:
        # An answer too many comes behind the first one.
        await link.primary()
        await link.primary()

    with pytest.raises(ConnectionError):
        await ask_twice()
    link.close()

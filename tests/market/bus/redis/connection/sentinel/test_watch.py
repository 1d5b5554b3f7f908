"""All Sentinels, asked all the time."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from market.bus.redis.connection.sentinel.url import parse_sentinel_url
from market.bus.redis.connection.sentinel.verdict import Address, Verdict
from market.bus.redis.connection.sentinel.watch import SentinelWatch
from tests.market.bus.redis.connection.sentinel.scripted import ScriptedSentinel, scripted, url_of
from tests.waiting import until

OLD, NEW = Address("127.0.0.1", 7000), Address("127.0.0.1", 7001)


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[tuple[SentinelWatch, list[Verdict]]]:
    """A watch, and all its verdicts in order."""
    verdicts: list[Verdict] = []
    watch = SentinelWatch(parse_sentinel_url(url), verdicts.append, ask_every_s=0.05)
    watch.start()
    watch.start()
    try:
        yield watch, verdicts
    finally:
        await watch.aclose()


async def settled(watch: SentinelWatch) -> None:
    """All have answered once, or could not."""
    await watch.settle(asyncio.get_running_loop().time() + 20)


async def test_each_new_primary_is_named_once() -> None:
    """Whichever Sentinel says it first; the others follow."""
    async with scripted() as sentinels, watching(url_of(sentinels)) as (watch, verdicts):
        await settled(watch)
        assert [Verdict((OLD,), 0)] == verdicts
        assert [1, 1, 1] == [sentinel.subscribed for sentinel in sentinels]
        for sentinel in sentinels:
            sentinel.primary, sentinel.epoch = NEW, 1
            sentinel.announce()
        await until(lambda: len(verdicts) > 1)
        asked = [sentinel.asked for sentinel in sentinels]
        await until(lambda: all(now.asked > before for now, before in zip(sentinels, asked, strict=True)))
        assert [Verdict((OLD,), 0), Verdict((NEW,), 1)] == verdicts


async def test_a_sentinel_that_does_not_announce_is_asked() -> None:
    """So a message that is lost costs a second, and no more."""
    async with scripted(1) as sentinels, watching(url_of(sentinels)) as (watch, verdicts):
        await settled(watch)
        sentinels[0].primary, sentinels[0].epoch = NEW, 1
        await until(lambda: verdicts[-1] == Verdict((NEW,), 1))


async def test_sentinels_that_are_behind_change_nothing() -> None:
    """The newest configuration counts, as long as most of them have not another."""
    async with scripted() as sentinels:
        sentinels[1].primary, sentinels[1].epoch = NEW, 1
        async with watching(url_of(sentinels)) as (watch, verdicts):
            await settled(watch)
            assert Verdict((NEW,), 1) == watch.verdict
            for sentinel in (sentinels[2], sentinels[1]):
                sentinel.refuses[b"SENTINEL GET-MASTER-ADDR-BY-NAME"] = b"ERR gone"
                await until(partial(_is_out, watch, sentinel))
            asked = sentinels[0].asked
            await until(lambda: sentinels[0].asked > asked + 1)
            # One of three is left, and it is behind.
            assert Verdict((NEW,), 1) == watch.verdict == verdicts[-1]


async def test_the_verdict_stays_while_no_sentinel_answers(caplog: pytest.LogCaptureFixture) -> None:
    """One warning of each says why; they are asked again until they answer."""
    async with scripted() as sentinels, watching(url_of(sentinels)) as (watch, verdicts):
        await settled(watch)
        for sentinel in sentinels:
            sentinel.refuses[b"SENTINEL GET-MASTER-ADDR-BY-NAME"] = b"ERR not now"
        await until(lambda: "(and 2 more)" in watch.silence())
        asked = sum(sentinel.asked for sentinel in sentinels)
        assert [Verdict((OLD,), 0)] == verdicts == [watch.verdict]
        warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert sorted(f"Sentinel {sentinel.place}: ERR not now" for sentinel in sentinels) == sorted(warned)
        for sentinel in sentinels:
            sentinel.refuses.clear()
            sentinel.primary, sentinel.epoch = NEW, 1
        await until(lambda: verdicts[-1] == Verdict((NEW,), 1))
        assert sum(sentinel.asked for sentinel in sentinels) > asked


async def test_a_reason_that_comes_after_another_is_warned_of_too(caplog: pytest.LogCaptureFixture) -> None:
    """Each once: the first one is often only that the connection was closed."""

    def warned() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]

    async with scripted(1) as (sentinel,), watching(url_of([sentinel])) as (watch, _):
        await settled(watch)
        for _ in range(2):
            caplog.clear()
            sentinel.refuses[b"HELLO"] = b"WRONGPASS invalid username-password pair or user is disabled."
            sentinel.drop()
            await until(lambda: len(warned()) == 2)
            assert "closed the connection" in warned()[0]
            assert "WRONGPASS" in warned()[1]
            for number in range(20):
                sentinel.refuses[b"HELLO"] = b"ERR reason %d" % number
                await until(partial(_says, watch, f"reason {number}"))
            # What a server says is bounded.
            assert len(warned()) == 4
            sentinel.refuses.clear()
            await until(lambda: watch.faults == [None])


def _is_out(watch: SentinelWatch, sentinel: ScriptedSentinel) -> bool:
    return any(fault is not None and sentinel.place in fault for fault in watch.faults)


def _says(watch: SentinelWatch, text: str) -> bool:
    return text in watch.silence()


def _unknown(sentinel: ScriptedSentinel) -> None:
    sentinel.primary = None


def _silent(sentinel: ScriptedSentinel) -> None:
    sentinel.silent = True


def _locked(sentinel: ScriptedSentinel) -> None:
    sentinel.refuses[b"HELLO"] = b"NOAUTH HELLO must be called with the client already authenticated"


def _forbidden(sentinel: ScriptedSentinel) -> None:
    sentinel.refuses[b"SENTINEL GET-MASTER-ADDR-BY-NAME"] = b"NOPERM User u has no permissions"


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_unknown, "knows no mymaster; SENTINEL MASTERS lists what to name in BUS_URL"),
        (_silent, "did not answer in time"),
        (_locked, "asks for user and password: .*; see sentinel_username and sentinel_password in BUS_URL"),
        (_forbidden, ": NOPERM User u has no permissions"),
    ],
)
async def test_one_that_cannot_be_used_says_why(break_it: Callable[[ScriptedSentinel], None], said: str) -> None:
    """Its fault names it and the fix; the others decide meanwhile."""
    async with scripted() as sentinels:
        break_it(sentinels[0])
        async with watching(url_of(sentinels)) as (watch, _):
            await settled(watch)
            assert Verdict((OLD,), 0) == watch.verdict
            await until(lambda: "no Sentinel names the primary mymaster" in watch.silence())
            assert re.search(f"Sentinel {sentinels[0].place}.*{said}", watch.silence()), watch.silence()


async def test_one_that_ends_connections_after_it_answered_is_no_fault_of_tls() -> None:
    """The hint at TLS is for a Sentinel that never answered."""
    async with scripted(1) as sentinels, watching(url_of(sentinels)) as (watch, _):
        await settled(watch)
        sentinels[0].rejects = True
        sentinels[0].drop()
        await until(lambda: "ended the connection" in watch.silence())
        assert "TLS" not in watch.silence()
    async with scripted(1) as sentinels:
        sentinels[0].rejects = True
        async with watching(url_of(sentinels)) as (watch, _):
            await settled(watch)
            assert 1 == watch.silence().count("where it speaks TLS")


async def test_a_slow_one_is_not_waited_for() -> None:
    """Half a second after the first answer the others count as silent."""
    async with scripted() as sentinels:
        sentinels[0].silent = sentinels[1].silent = True
        async with watching(url_of(sentinels)) as (watch, _):
            began = asyncio.get_running_loop().time()
            await settled(watch)
            assert Verdict((OLD,), 0) == watch.verdict
            assert asyncio.get_running_loop().time() - began < 2

"""One connection to each node; on a virtual clock."""

import asyncio
import contextlib

import pytest

from market.bus.redis.cluster.connection.one_per_node import OnePerNode
from market.bus.redis.cluster.connection.url import Address
from tests.fakes import run_virtual

A, B = Address("a", 1), Address("b", 2)


class FakeConnection:
    """Something that may end."""

    def __init__(self) -> None:
        self.alive = True
        self.reason = ""

    def close(self, reason: str = "closed") -> None:
        self.alive, self.reason = False, reason


class Maker:
    """Makes connections, each in a second, or fails."""

    def __init__(self) -> None:
        self.made = 0
        self.fails = False

    async def make(self, address: Address) -> FakeConnection:
        await asyncio.sleep(1)
        if self.fails:
            raise ConnectionError(f"{address} is gone")
        self.made += 1
        return FakeConnection()


def test_callers_share_one() -> None:
    """Those who ask at the same time, and later, get the same; one that has ended is made again."""

    async def main() -> None:
        maker = Maker()
        ones = OnePerNode(maker.make)
        first, *others = await asyncio.gather(*(ones.get(A) for _ in range(5)))
        assert all(other is first for other in others)
        assert await ones.get(B) is not first
        assert await ones.get(A) is first
        assert 2 == maker.made == len(ones.alive())
        first.alive = False
        assert await ones.get(A) is not first
        assert 3 == maker.made

    run_virtual(main())


def test_one_that_gives_up_takes_nothing_from_the_others() -> None:
    """A cancelled caller does not end what others wait for; a failure is everybody's, and the next try is new."""

    async def main() -> None:
        maker = Maker()
        ones = OnePerNode(maker.make)
        first, second = asyncio.create_task(ones.get(A)), asyncio.create_task(ones.get(A))
        await asyncio.sleep(0.5)
        first.cancel()
        assert (await second).alive
        maker.fails = True
        answers = await asyncio.gather(ones.get(B), ones.get(B), return_exceptions=True)
        assert ["b:2 is gone"] * 2 == [str(answer) for answer in answers]
        maker.fails = False
        assert (await ones.get(B)).alive

    run_virtual(main())


def test_they_are_ended() -> None:
    """One node's, those of nodes that are gone, or all; also those that are being made."""

    async def main() -> None:
        ones = OnePerNode(Maker().make)
        first, second = [await ones.get(address) for address in (A, B)]
        ones.keep(frozenset((A,)))
        assert (True, "no longer needed") == (first.alive, second.reason)
        ones.drop(A, "too slow")
        ones.drop(A, "again")
        assert "too slow" == first.reason
        third = await ones.get(A)
        making = asyncio.create_task(ones.get(B))
        await asyncio.sleep(0.5)
        await ones.aclose()
        with pytest.raises(asyncio.CancelledError):
            await making
        assert "closed" == third.reason
        assert [] == ones.alive()

    run_virtual(main())


def test_one_whose_cancellation_gets_lost_is_ended_too() -> None:
    """It is there a moment after all were ended. None is made afterwards: nobody would end it."""

    async def main() -> None:
        made: list[FakeConnection] = []

        async def make(_address: Address) -> FakeConnection:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1)
            made.append(FakeConnection())
            return made[0]

        ones = OnePerNode(make)
        making = asyncio.create_task(ones.get(A))
        await asyncio.sleep(0.5)
        await ones.aclose()
        with pytest.raises(ConnectionError, match="closed"):
            await making
        assert ["closed"] == [one.reason for one in made]
        with pytest.raises(ConnectionError, match="closed"):
            await ones.get(A)
        assert 1 == len(made)

    run_virtual(main())

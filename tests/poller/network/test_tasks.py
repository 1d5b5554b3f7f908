"""Running things together."""

import asyncio

import pytest

from poller.network.tasks import first_of
from tests.fakes import run_virtual


def test_first_result_wins_and_the_others_are_cancelled() -> None:
    """The first to return gives the result, when all others have cleaned up."""
    cleaned = []

    async def slow() -> str:
        try:
            await asyncio.sleep(100)
        finally:
            cleaned.append("slow")
        return "slow"

    async def fast() -> str:
        await asyncio.sleep(1)
        return "fast"

    assert "fast" == run_virtual(first_of(slow(), fast()))
    assert ["slow"] == cleaned


def test_first_error_is_raised() -> None:
    """The first to raise ends it for all."""

    async def fail() -> str:
        raise OSError("broken")

    async def wait() -> str:
        await asyncio.sleep(100)
        return ""

    with pytest.raises(OSError, match="broken"):
        run_virtual(first_of(wait(), fail()))


def test_earlier_argument_wins_a_tie() -> None:
    """Of two that end together, the one named first gives the result."""

    async def now(value: int) -> int:
        return value

    assert 1 == run_virtual(first_of(now(1), now(2)))


def test_cancellation_reaches_all() -> None:
    """A cancellation cancels all coroutines."""
    cleaned = []

    async def wait() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            cleaned.append(True)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await first_of(wait(), wait())

    run_virtual(main())
    assert [True, True] == cleaned

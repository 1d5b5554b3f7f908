"""Bans of requests."""

import asyncio

import pytest

from poller.network.bans import LONGEST_BAN_S, Ban
from tests.fakes import run_virtual


def test_a_ban_lasts_as_told() -> None:
    """Until the end of a ban there is time left; a shorter ban does not end it sooner."""

    async def main() -> None:
        ban = Ban()
        assert 0 == ban.left_s()
        assert 100 == ban.begin(100)
        ban.begin(10)
        await asyncio.sleep(60)
        assert 40 == pytest.approx(ban.left_s())
        await ban.wait()
        assert 100 == pytest.approx(asyncio.get_running_loop().time())

    run_virtual(main())


def test_guesses_grow_until_something_is_answered() -> None:
    """Two minutes, then twice as long each time, an hour at most; after a good answer two minutes again."""

    async def main() -> None:
        ban = Ban()
        assert [120, 240, 480, 960, 1920, 3600, 3600] == [ban.begin(None) for _ in range(7)]
        ban.reason = "why"
        ban.over()
        assert "why" == ban.reason
        await ban.wait()
        ban.over()
        assert "" == ban.reason
        assert 120 == ban.begin(None)

    run_virtual(main())


def test_what_is_told_has_bounds() -> None:
    """A ban of zero seconds is still a ban, and no ban lasts for ever."""

    async def main() -> None:
        assert [1, 1, LONGEST_BAN_S] == [Ban().begin(given_s) for given_s in (0, 0.2, 1e9)]

    run_virtual(main())

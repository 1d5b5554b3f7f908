"""URLs in turn, and bans."""

import asyncio

import pytest

from market.proxy import Proxies
from poller.network.endpoints import LONGEST_BAN_S, Ban, Endpoints
from tests.fakes import run_virtual


def test_the_next_url_follows_one_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    """After the last comes the first; the log names one once it serves."""
    endpoints = Endpoints("prices", ["https://a/", "https://b", "https://c"])
    assert "https://a" == endpoints.current
    endpoints.works("https://a")
    endpoints.failed("https://a")
    endpoints.failed("https://b")
    assert ("https://c", "") == (endpoints.current, caplog.text)
    endpoints.works("https://c")
    endpoints.works("https://c")
    assert ["prices: https://c is used now, in place of https://a"] == caplog.messages
    endpoints.failed("https://c")
    assert "https://a" == endpoints.current


def test_one_failure_seen_by_many_is_one() -> None:
    """Connections that fail together move on by one URL, not by one each."""
    endpoints = Endpoints("prices", ["https://a", "https://b", "https://c"])
    for _ in range(5):
        endpoints.failed("https://a")
    assert "https://b" == endpoints.current


def test_one_url_stays() -> None:
    """Where there is no other, it is tried again."""
    endpoints = Endpoints.of("prices", "https://a")
    endpoints.failed("https://a")
    assert "https://a" == endpoints.current
    assert Endpoints.of("others", endpoints) is endpoints


def test_the_way_there() -> None:
    """A request is told of its proxy."""
    endpoints = Endpoints("prices", ["https://a.example"], Proxies({"https_proxy": "p:1"}))
    assert {"proxy": "http://p:1"} == endpoints.options(endpoints.current)


def test_a_ban_lasts_as_told() -> None:
    """Until then there is time left; a shorter one does not end it sooner."""

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
    """Zero still means stop, and nothing means for ever."""

    async def main() -> None:
        assert [1, 1, LONGEST_BAN_S] == [Ban().begin(told_s) for told_s in (0, 0.2, 1e9)]

    run_virtual(main())

"""URLs in turn."""

import pytest

from market.settings.proxy import Proxies
from poller.network.endpoints import Endpoints


def test_the_next_url_follows_one_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    """After the last URL comes the first; the log names one when it works."""
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
    """A single URL is tried again."""
    endpoints = Endpoints.of("prices", "https://a")
    endpoints.failed("https://a")
    assert "https://a" == endpoints.current
    assert Endpoints.of("others", endpoints) is endpoints


def test_the_way_there() -> None:
    """A request gets its proxy."""
    endpoints = Endpoints("prices", ["https://a.example"], Proxies({"https_proxy": "p:1"}))
    assert {"proxy": "http://p:1"} == endpoints.options(endpoints.current)

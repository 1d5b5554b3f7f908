"""The names in a request, and what the operator is told of those that are refused."""

import asyncio
import logging
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.admission.address import TrustedProxies
from gateway.admission.limits.once_a_minute import MINUTE_S
from gateway.admission.names import MOST_LINES, Names, warnings
from gateway.admission.origin import AllowedHosts, AllowedOrigins
from gateway.errors import RefusalError
from gateway.settings import Settings
from tests.fakes import run_virtual

HERE = "127.0.0.1:8080"
ANYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens


def settings(origins: str = "", hosts: str = "", host: str = "127.0.0.1", **more: Any) -> Settings:
    """As the environment would give them."""
    allowed_hosts = AllowedHosts.parse(hosts, only_loopback=host == "127.0.0.1")
    return Settings(allowed_origins=AllowedOrigins.parse(origins), allowed_hosts=allowed_hosts, host=host, **more)


def refusal(names: Names, origin: str | None = None, host: str = HERE) -> str:
    """What a request with these headers is refused with."""
    headers = CIMultiDict({"Host": host} | ({} if origin is None else {"Origin": origin}))
    with pytest.raises(RefusalError) as refused:
        names.check(CIMultiDictProxy(headers))
    assert 403 == refused.value.status
    return str(refused.value)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines since the last look, all warnings."""
    lines = [record.getMessage() for record in caplog.records]
    assert {record.levelno for record in caplog.records} <= {logging.WARNING}
    caplog.clear()
    return lines


@pytest.mark.parametrize(
    ("origins", "origin", "line"),
    [
        ("", "http://localhost:5173", "http://localhost:5173 was refused: if it is yours, set ALLOWED_ORIGINS=self,"
         "http://localhost:5173"),
        ("self,https://*.example.com,https://a.example", "https://Other.example:8443",
         "set ALLOWED_ORIGINS=self,https://a.example,https://*.example.com,https://other.example:8443"),
        ("http://localhost:5173", f"http://{HERE}", "set ALLOWED_ORIGINS=self,http://localhost:5173 if it may connect"),
        ("", "null", "would let any page in"),
        ("", "file://", "set ALLOWED_ORIGINS=self,file://"),
        ("", "http://evil\x1b[2J.example", r"Origin 'http://evil\x1b[2J.example' is none"),
        ("", "\udcff" * 5000, r"Origin '\udcff"),
        (",".join(f"https://number-{n}.example" for n in range(100)), "https://x.example",
         "add https://x.example to ALLOWED_ORIGINS"),
    ],
)  # fmt: skip
async def test_a_refused_origin_is_logged_with_the_setting_that_would_allow_it(
    origins: str, origin: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As it would have to be written, with what is allowed already; what no browser writes is only shown, escaped."""
    names = Names(settings(origins))
    told(caplog)
    for _ in range(3):
        assert "ALLOWED_ORIGINS" in refusal(names, origin)
    (said,) = told(caplog)
    assert line in said
    assert said.isprintable()
    assert said.isascii()
    assert len(said) < 1500
    names.close()


@pytest.mark.parametrize("origin", ["http://localhost:5173", "https://*.example.com", "file://", "https://[::1]:9"])
def test_what_the_log_says_to_set_is_a_setting(origin: str) -> None:
    """The words for allowed origins and hosts are read back as the same."""
    allowed = AllowedOrigins.parse(f"self,null,{origin}")
    assert allowed == AllowedOrigins.parse(str(allowed))
    hosts = AllowedHosts.parse("a.example:80,*.b.example,[::2]", only_loopback=True)
    assert hosts == AllowedHosts.parse(str(hosts), only_loopback=True)
    assert "*" == str(AllowedHosts())


async def test_a_refused_host_is_logged_with_the_setting_that_would_allow_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once a minute for each name, for pages and for probes; what is no name is escaped."""
    names = Names(settings(hosts="prices.example.com"))
    for host in ("gate.example:8080", "gate.example:8080", "a b\x1b"):
        assert "ALLOWED_HOSTS" in refusal(names, host=host)
    first, second = told(caplog)
    assert first.endswith(
        "Host gate.example:8080 was refused: if that is this gateway's name, set"
        " ALLOWED_HOSTS=prices.example.com,gate.example"
    )
    assert r"'a b\x1b' is no name" in second
    with pytest.raises(RefusalError):
        names.check_operator(CIMultiDictProxy(CIMultiDict({"Host": "other.example"})))
    assert "ALLOWED_HOSTS=prices.example.com,other.example" in told(caplog)[0]
    names.close()


def test_a_flood_of_names_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Twenty origins, hosts and paths have a line in a minute, and the others one number; each kind for itself."""

    async def main() -> None:
        names = Names(settings())
        for number in range(1000):
            refusal(names, f"https://{number}.example")
            refusal(names, host=f"{number}.example")
            names.log_path(f"/{number}", "/ws")
        assert 3 * MOST_LINES == len(told(caplog))
        await asyncio.sleep(MINUTE_S + 1)
        counts = told(caplog)
        assert 3 == len(counts)
        assert all(f"{1000 - MOST_LINES} times more" in line for line in counts)
        names.close()

    run_virtual(main())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (settings("http://localhost:5173"), "set ALLOWED_ORIGINS=self,http://localhost:5173 if it may"),
        (settings("null"), "set ALLOWED_ORIGINS=self,null"),
        (settings("self,http://localhost:5173"), ""),
        (settings("*"), ""),
        (settings(), ""),
        (settings(hosts=ANYWHERE), "ALLOWED_HOSTS has 0.0.0.0"),
        (settings(hosts="[::]:8080", host="::"), ""),
        (settings(hosts="prices.example.com", host="10.1.2.3"), "set ALLOWED_HOSTS=prices.example.com,10.1.2.3"),
        (settings(hosts="prices.example.com", host="fd00::1"), "set ALLOWED_HOSTS=prices.example.com,[fd00::1]"),
        (settings(hosts="prices.example.com,10.1.2.3:8080", host="10.1.2.3"), ""),
        (settings(hosts="prices.example.com", host=ANYWHERE), ""),
        (settings(hosts="prices.example.com", host="10.1.2.3", trusted_proxies=TrustedProxies.parse("10.0.0.0/8", 1)),
         ""),
    ],
    ids=str,
)  # fmt: skip
async def test_lists_that_are_probably_not_meant_are_warned_of_at_the_start(
    given: Settings, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without self the dashboard is locked out; the address listened on, or none that anybody asks for, is a slip."""
    assert (says != "") == bool(warnings(given))
    names = Names(given)
    assert says in "".join(told(caplog))
    names.change(given)
    assert [] == told(caplog)
    names.change(settings("https://other.example"))
    assert "self,https://other.example" in "".join(told(caplog))
    names.close()

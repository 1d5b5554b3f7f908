"""Whose pages may connect, and under which names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admission.origin import AllowedHosts, AllowedOrigins
from market.settings.environ import SettingError

HOST = "prices.example.com"
APP = "https://app.example.com"

LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=10)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


def allows(origins: str, origin: str | None, host: str = HOST) -> bool:
    """Tell whether these origins allow this one."""
    return AllowedOrigins.parse(origins).allows(origin, host)


@pytest.mark.parametrize("origins", ["", " , ", "self"])
def test_unless_told_otherwise_only_own_pages_may(origins: str) -> None:
    """A page from the host and port that it connects to, with whatever scheme; nobody else's."""
    assert AllowedOrigins() == AllowedOrigins.parse(origins)
    for origin in (f"https://{HOST}", f"http://{HOST}", f"https://{HOST}:443", f"HTTPS://{HOST.upper()}"):
        assert allows(origins, origin), origin
    for origin in (APP, f"https://{HOST}.evil.example", f"https://{HOST}:8443", f"https://evil.{HOST}", "null", ""):
        assert not allows(origins, origin), origin


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://[0:0::1]:8080", "[::1]:8080"),
        ("https://prices.example.com", "prices.example.com:443"),
        ("http://prices.example.com", "prices.example.com:80"),
        ("https://prices.example.com:8443", "PRICES.example.com:8443"),
        ("https://prices.example.com", "prices.example.com."),
        ("https://prices.example.com.", "prices.example.com"),
        ("https://prices.example.com.:8443", "prices.example.com.:8443"),
        ("http://127.0.0.1.:8080", "127.0.0.1:8080"),
    ],
)
def test_an_own_page_is_known_by_host_and_port(origin: str, host: str) -> None:
    """Case, a default port and the spelling of IPv6 make no difference."""
    assert allows("", origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:3000", "localhost:8080"),
        ("http://localhost", "localhost:8080"),
        ("https://prices.example.com", "prices.example.com:80"),
        ("app://prices.example.com", "prices.example.com"),
        ("https://prices.example.com", ""),
        ("https://", ""),
        ("http://[::1]", "[::2]"),
        ("https://prices.example.com..", "prices.example.com"),
        ("https://prices.example.com", "prices.example.com.."),
        ("http://[::1].", "[::1]"),
        ("http://[nonsense]", "[nonsense]"),
        # The Kelvin sign: its lower case is an ASCII letter.
        ("http://\N{KELVIN SIGN}.example", "k.example"),
    ],
)
def test_another_port_or_host_is_not_our_own(origin: str, host: str) -> None:
    """Another server of the same machine is somebody else."""
    assert not allows("", origin, host)


def test_a_listed_origin_may_and_no_other() -> None:
    """Scheme, host and port must all be the listed ones, and our own pages must be listed like any."""
    assert allows(APP, APP)
    assert allows(APP, f"{APP}:443")
    assert allows(f"http://localhost:3000 , {APP}:443", APP)
    for origin in ("http://app.example.com", f"{APP}:8443", f"{APP}.evil.example", f"https://{HOST}", f"{APP}/"):
        assert not allows(APP, origin), origin
    assert allows(f"{APP},self", f"https://{HOST}")


def test_a_pattern_is_for_subdomains() -> None:
    """At any depth, with the same scheme and port; neither for the domain itself nor for what only ends like it."""
    pattern = "https://*.example.org"
    for origin in ("https://a.example.org", "https://a.b.example.org", "https://A.Example.org:443"):
        assert allows(pattern, origin), origin
    for origin in (
        *("https://example.org", "https://.example.org", "https://evilexample.org", "http://a.example.org:443"),
        *("https://a.example.org:8443", "https://a.example.org.evil.example", "https://evil.example/.example.org"),
        *("https://evil.example#.example.org", "https://evil.example\\.example.org", "https://user@a.example.org"),
    ):
        assert not allows(pattern, origin), origin
    assert allows("https://*.example.org:8443", "https://a.example.org:8443")


def test_everybody_is_everybody_with_an_origin() -> None:
    """``*`` covers all but ``null``, which any page can give itself, and which must be listed as such."""
    assert allows("*", "https://anybody.example")
    assert allows("*", "chrome-extension://abcdefg")
    assert not allows("*", "null")
    assert allows("null", "null")
    assert not allows("null", APP)
    assert allows("*,null", "null")


def test_a_page_behind_a_proxy_that_keeps_the_host_is_an_own_one() -> None:
    """Such as a development server that passes ``/ws`` on; if it changes `Host`, its origin must be listed."""
    page = "http://localhost:5173"
    assert AllowedOrigins.parse("").allows(page, "localhost:5173")
    for host in ("127.0.0.1:8080", "127.0.0.1:5173", "localhost:8080"):
        assert not AllowedOrigins.parse("").allows(page, host), host
        assert AllowedOrigins.parse(f"self,{page}").allows(page, host), host


def test_who_sends_no_origin_is_no_browser() -> None:
    """No browser leaves it out, so it is a program; what is listed makes no difference."""
    for origins in ("", APP, "*", "null"):
        assert AllowedOrigins.parse(origins).allows(None, HOST)


@pytest.mark.parametrize(
    ("origins", "origin"),
    [
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://straße.example:8443", "https://xn--strae-oqa.example:8443"),
        ("https://*.bücher.example", "https://a.xn--bcher-kva.example"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("http://[0:0:0::1]:3000", "http://[::1]:3000"),
        ("file://", "file://"),
        ("app://.", "app://."),
        ("app://-", "app://-"),
        ("app://", "app://"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("chrome-extension://hkgfoiooedgoejojocmhlaklaeopbecg", "chrome-extension://hkgfoiooedgoejojocmhlaklaeopbecg"),
        ("moz-extension://c3a1-4f", "moz-extension://c3a1-4f"),
        ("https://app.example.com.", "https://app.example.com"),
        ("https://app.example.com", "https://app.example.com."),
        ("https://*.example.org", "https://a.example.org.:443"),
    ],
)
def test_an_origin_is_listed_as_people_write_it(origins: str, origin: str) -> None:
    """International names, schemes of apps, IPv6."""
    assert allows(origins, origin)


def test_an_app_is_let_in_by_its_own_origin_alone() -> None:
    """Another scheme, or another name behind it, is somebody else."""
    for origins, origin in (
        ("file://", "null"),
        ("file://", "file:///etc"),
        ("file://", "file://server"),
        ("file://", "app://"),
        ("app://-", "app://."),
        ("app://", "app://evil"),
        ("capacitor://localhost", "http://localhost"),
        ("chrome-extension://abc", "chrome-extension://abcd"),
        ("", "file://"),
        ("self", "app://prices.example.com"),
    ):
        assert not allows(origins, origin), (origins, origin)


@pytest.mark.parametrize(
    "value",
    [
        *("file:", "file:///", "app://a/b", "app://*", "app://a b", "http://", "https://.", "https://-"),
        *("app.example.com", "https://", "https://app.example.com/", "https://app.example.com/path", "https://a b"),
        *(
            "https://*",
            "https://*.",
            "https://*example.com",
            "https://a.*.example.com",
            "*://a.example",
            "*.example.com",
        ),
        *("https://app.example.com:https", "https://app.example.com:65536", "https://[::1", "https://user@a.example"),
        *("https://bü cher.example", "Null", "https://" + "a" * 400),
    ],
)
def test_what_is_no_origin_stops_the_start(value: str) -> None:
    """The error names the variable, the entry and how to write one."""
    with pytest.raises(SettingError, match=r"^ALLOWED_ORIGINS has .*https://\*\.example\.com"):
        AllowedOrigins.parse(f"{APP},{value}")


@pytest.mark.parametrize(
    ("entry", "instead"),
    [
        ("ws://localhost:5173", "http://localhost:5173"),
        ("wss://app.example.com", "https://app.example.com"),
        ("WSS://*.example.com:8443", "https://*.example.com:8443"),
        ("ws://[::1]:5173", "http://[::1]:5173"),
        ("ws://localhost:5173/ws", "http://localhost:5173"),
    ],
)
def test_a_scheme_of_websockets_is_no_pages(entry: str, instead: str) -> None:
    """No browser sends such an origin, so the entry would let nobody in; the error says what to write instead."""
    with pytest.raises(SettingError) as error:
        AllowedOrigins.parse(f"{APP},{entry}")
    assert str(error.value).startswith(f"ALLOWED_ORIGINS has {entry!r}, ")
    assert f"write {instead}, " in str(error.value)


def test_a_gateway_of_this_machine_is_served_under_its_own_names_only() -> None:
    """On loopback, a name of somebody else's that resolves to it is refused; at any port the own ones are served."""
    hosts = AllowedHosts.parse("", only_loopback=True)
    for host in ("localhost", "localhost:8080", "LocalHost:1", "127.0.0.1:8080", "[::1]", "[::1]:8080", "[0:0::1]"):
        assert hosts.allows(host), host
    for host in ("evil.example", "evil.example:8080", "localhost.evil.example", "evil.localhost", "", "localhost:x"):
        assert not hosts.allows(host), host


def test_a_gateway_that_others_reach_is_served_under_any_name() -> None:
    """Nothing listed: only the operator knows how it is called."""
    assert AllowedHosts() == AllowedHosts.parse("", only_loopback=False) == AllowedHosts.parse("*", only_loopback=True)
    assert AllowedHosts().allows("anything")
    assert AllowedHosts().allows("")


@pytest.mark.parametrize("only_loopback", [True, False])
def test_listed_names_are_served_and_loopbacks(only_loopback: bool) -> None:
    """A name without a port at any port, a pattern for its subdomains; nobody else's."""
    hosts = AllowedHosts.parse(f"{HOST}, *.example.org, a.example:8443, bücher.example", only_loopback=only_loopback)
    for host in (
        HOST,
        f"{HOST}:8443",
        f"{HOST}.",
        f"{HOST}.:8443",
        "a.b.example.org.",
        "localhost.:1",
        "a.b.example.org:1",
        "a.example:8443",
        "xn--bcher-kva.example",
        "127.0.0.1:1",
    ):
        assert hosts.allows(host), host
    for host in (
        "example.com",
        "example.org",
        "a.example",
        "a.example:1",
        "evil.example",
        f"{HOST}.evil.example",
        f"{HOST}..",
        ".",
    ):
        assert not hosts.allows(host), host


def test_operators_ask_by_address_or_by_a_name_without_a_dot() -> None:
    """What a page could make of a name of its own (DNS rebinding) has dots, and is no address."""
    hosts = AllowedHosts.parse(HOST, only_loopback=True)
    for host in (
        *("10.1.2.3", "10.1.2.3:8081", "[2001:db8::1]:8081", "gateway", "gateway:8081", "tickgate-0", "", HOST),
        *(f"{HOST}:8081", "localhost", "127.0.0.1.:80"),
    ):
        assert hosts.allows_operator(host), host
    for host in (
        "evil.example",
        "evil.example:8081",
        "10.1.2.3.evil.example",
        "1.2.3.4.5",
        "evil.localhost",
        "a b",
        "::1",
    ):
        assert not hosts.allows_operator(host), host
    assert AllowedHosts().allows_operator("anything.example")
    assert hosts.allows_operator("gateway-1.internal:8081", "Gateway-1.internal")
    assert not hosts.allows_operator("gateway-2.internal:8081", "gateway-1.internal")


@pytest.mark.parametrize(
    "value", ["https://app.example.com", "a b", "*.", "a.*.example", "::1", "a:b", "a:65536", "a/b"]
)
def test_what_is_no_host_stops_the_start(value: str) -> None:
    """The error names the variable, the entry and how to write one."""
    with pytest.raises(SettingError, match=r"^ALLOWED_HOSTS has .*\*\.example\.com"):
        AllowedHosts.parse(f"localhost,{value}", only_loopback=True)


@settings(deadline=None)
@given(st.text(), st.text())
def test_no_header_ends_anything(origin: str, host: str) -> None:
    """Whatever a stranger writes is refused, not raised; a list of others never lets it in."""
    assert not AllowedOrigins.parse(APP).allows(origin, host) or origin.lower().startswith(APP)
    AllowedOrigins().allows(origin, host)
    AllowedOrigins().allows(f"https://{origin}", origin)
    AllowedHosts.parse(HOST, only_loopback=False).allows(host)


@settings(deadline=None)
@given(NAMES, NAMES, st.sampled_from(["http", "https"]), st.one_of(st.none(), st.integers(0, 65535)))
def test_own_is_exactly_the_same_name(name: str, other: str, scheme: str, port: int | None) -> None:
    """For any two names: one's page may connect to the other exactly if they are one, and so for listed ones."""
    suffix = "" if port is None else f":{port}"
    origin = f"{scheme}://{name}{suffix}"
    assert (name == other) == allows("", origin, other + suffix)
    assert (name == other) == allows(f"{scheme}://{other}{suffix}", origin)
    assert name.endswith("." + other) == allows(f"{scheme}://*.{other}{suffix}", origin)

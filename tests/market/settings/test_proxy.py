"""Which proxy a URL goes through."""

import pytest

from market.settings.proxy import NO_PROXIES, Proxies, ProxyError

BOTH = {"HTTPS_PROXY": "http://secure:3128", "HTTP_PROXY": "http://plain:3128"}


def proxy_of(url: str, **variables: str) -> str | None:
    """Return the proxy for an address where these variables are set."""
    proxy = Proxies(variables).of(url)
    return None if proxy is None else proxy.url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.binance.com/api", "http://secure:3128"),
        ("wss://stream.binance.com:9443/stream", "http://secure:3128"),
        ("http://api.binance.com", "http://plain:3128"),
        ("ws://stream.binance.com", "http://plain:3128"),
        ("ftp://api.binance.com", None),
        ("nonsense", None),
    ],
)
def test_the_scheme_chooses(url: str, expected: str | None) -> None:
    """Streams go the way of requests: those with TLS by HTTPS_PROXY, those without by HTTP_PROXY."""
    assert expected == proxy_of(url, **BOTH)


def test_names_in_lower_case_come_first() -> None:
    """As with curl; an empty value switches a proxy off."""
    assert proxy_of("https://a.example", https_proxy="http://low:1", HTTPS_PROXY="http://up:1") == "http://low:1"
    assert proxy_of("https://a.example", https_proxy="", HTTPS_PROXY="http://up:1") is None
    assert proxy_of("https://a.example", HTTPS_PROXY="http://up:1", no_proxy="a.example", NO_PROXY="") is None
    assert NO_PROXIES.of("https://a.example") is None


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:8443", "wss://localhost/x", "https://[::1]:1", "https://127.9.9.9", "https://a.localhost"],
)
def test_this_machine_needs_no_proxy(url: str) -> None:
    """Loopback is reached directly, whatever the variables say."""
    assert proxy_of(url, **BOTH) is None


@pytest.mark.parametrize(
    ("exempt", "url", "direct"),
    [
        ("*", "https://api.binance.com", True),
        ("binance.com", "https://binance.com", True),
        ("binance.com", "https://api.binance.com", True),
        ("binance.com", "https://notbinance.com", False),
        (".binance.com", "https://api.binance.com", True),
        ("*.binance.com", "https://api.binance.com", True),
        ("BINANCE.COM", "https://API.binance.com.", True),
        ("other.example, api.binance.com", "https://api.binance.com", True),
        ("other.example api.binance.com", "https://api.binance.com", True),
        ("api.binance.com:443", "https://api.binance.com", True),
        ("api.binance.com:443", "wss://api.binance.com:9443", False),
        ("api.binance.com:9443", "wss://api.binance.com:9443", True),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.1.2.3", "https://10.1.2.3:8443", True),
        ("2001:db8::/32", "https://[2001:db8::1]", True),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443", True),
        ("", "https://api.binance.com", False),
        (",,", "https://api.binance.com", False),
        (".", "https://api.binance.com", False),
    ],
)
def test_no_proxy(exempt: str, url: str, direct: bool) -> None:
    """Names with all below them, addresses, networks, ports, and the star."""
    assert direct == (proxy_of(url, **BOTH, NO_PROXY=exempt) is None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example", "http://proxy.example"),
        ("https://proxy.example:443/", "https://proxy.example:443"),
        ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128"),
        ("http://user:secret@proxy.example:3128", "http://proxy.example:3128"),
    ],
)
def test_forms_of_a_proxy(value: str, expected: str) -> None:
    """With a scheme or without; user and password are no part of its URL."""
    assert expected == proxy_of("https://a.example", HTTPS_PROXY=value)


def test_user_and_password_go_to_the_proxy_alone() -> None:
    """They are its header, decoded from the URL, and nothing shows them."""
    plain = Proxies({"HTTP_PROXY": "http://user:p%40ss@proxy:1"}).options("ws://a.example")
    assert {"proxy": "http://proxy:1", "headers": {"Proxy-Authorization": "Basic dXNlcjpwQHNz"}} == plain
    proxies = Proxies({"HTTPS_PROXY": "http://user:p%40ss@proxy:1"})
    options = proxies.options("https://a.example")
    assert {"Proxy-Authorization": "Basic dXNlcjpwQHNz"} == options["proxy_headers"]
    assert "http://proxy:1" == options["proxy"]
    assert "p@ss" not in repr(proxies)
    assert "Proxies(HTTPS_PROXY)" == repr(proxies)
    assert "p@ss" not in repr(proxies.of("https://a.example"))
    assert proxies == Proxies({"https_proxy": "http://user:p%40ss@proxy:1"})
    assert proxies != Proxies({"https_proxy": "http://user:other@proxy:1"})
    assert {} == proxies.options("https://127.0.0.1")


@pytest.mark.parametrize(
    "value", ["socks5://u:secret@host:1", "http://", "http://host:port", "://secret", "http://[::1"]
)
def test_what_is_no_proxy_is_refused(value: str) -> None:
    """The message names the variable and the fix, and shows nothing of the value."""
    with pytest.raises(ProxyError, match=r"^HTTPS_PROXY is not the URL of an HTTP proxy; write http:") as caught:
        Proxies({"https_proxy": value})
    assert "secret" not in str(caught.value)

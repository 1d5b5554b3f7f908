"""The proxy of an outgoing connection: ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``, read as curl reads them.

aiohttp's own ``trust_env`` is not used: it reads ``WSS_PROXY``, which nobody sets, and it sends a host the credentials
that ``~/.netrc`` has for it.
"""

import base64
import ipaddress
from collections.abc import Mapping
from typing import Final, TypedDict
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from market.errors import MarketError

_KINDS: Final = {"https": "HTTPS_PROXY", "wss": "HTTPS_PROXY", "http": "HTTP_PROXY", "ws": "HTTP_PROXY"}
_PORTS: Final = {"https": 443, "wss": 443, "http": 80, "ws": 80}


class ProxyError(MarketError, ValueError):
    """A variable that names no usable proxy. It may hold a password, so the message does not show the value."""


class ProxyOptions(TypedDict, total=False):
    """The proxy arguments of a request of aiohttp."""

    proxy: str
    proxy_headers: Mapping[str, str]
    """Headers of the request for a tunnel."""
    headers: Mapping[str, str]
    """Headers of a request without a tunnel, which the proxy reads itself."""


class Proxy(Struct, frozen=True):
    """One proxy, as aiohttp's requests take it."""

    url: str
    """Without user and password."""
    authorization: str | None

    def __repr__(self) -> str:
        return f"Proxy({self.url!r}, …)"

    def options(self, *, tunnel: bool) -> ProxyOptions:
        """Arguments for a request of aiohttp; with TLS it needs a ``tunnel``."""
        if self.authorization is None:
            return {"proxy": self.url}
        headers = {"Proxy-Authorization": self.authorization}
        return {"proxy": self.url, "proxy_headers": headers} if tunnel else {"proxy": self.url, "headers": headers}


class Proxies:
    """The proxies of one environment. It never shows what it holds."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        """Read ``os.environ``, or a test's own; None has no proxies.

        A name in lower case comes before the same in upper case, and an empty value switches off.

        Raises:
            ProxyError: a variable that cannot be used.
        """
        given = variables or {}

        def value_of(name: str) -> str:
            return given.get(name.lower(), given.get(name, "")).strip()

        self._by_kind = {
            name: _read(name, value) for name in ("HTTPS_PROXY", "HTTP_PROXY") if (value := value_of(name))
        }
        self._exempt = value_of("NO_PROXY").lower().replace(",", " ").split()

    def __repr__(self) -> str:
        return f"Proxies({', '.join(self._by_kind)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proxies) and (self._by_kind, self._exempt) == (other._by_kind, other._exempt)

    def __hash__(self) -> int:
        return hash((*self._by_kind.items(), *self._exempt))

    def of(self, url: str) -> Proxy | None:
        """The proxy for a connection to ``url`` (``http``, ``https``, ``ws`` or ``wss``), or None.

        This machine's own addresses need none: a proxy could not reach them, or would reach its own.
        """
        parts = urlsplit(url)
        proxy = self._by_kind.get(_KINDS.get(parts.scheme, ""))
        host = (parts.hostname or "").rstrip(".")
        if proxy is None or not host or _is_own(host):
            return None
        port = parts.port or _PORTS[parts.scheme]
        return None if any(_matches(entry, host, port) for entry in self._exempt) else proxy

    def options(self, url: str) -> ProxyOptions:
        """Arguments for a request of aiohttp to ``url``; empty if it uses no proxy."""
        proxy = self.of(url)
        return {} if proxy is None else proxy.options(tunnel=url.startswith(("https:", "wss:")))


NO_PROXIES: Final = Proxies()


def _read(name: str, value: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in {"http", "https"}:
        raise ProxyError(f"{name} is not the URL of an HTTP proxy; write http://[user:password@]host:port")
    # urlsplit takes the brackets of an IPv6 address off.
    where = f"[{host}]" if ":" in host else host
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(f"{parts.scheme}://{where}{f':{port}' if port else ''}", authorization)


def _is_own(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _matches(entry: str, host: str, port: int) -> bool:
    """Whether an entry of ``NO_PROXY`` covers a host.

    ``*`` covers all hosts. A name covers itself and all names below it, with or without a dot before it. An address, or
    a network in CIDR form, covers addresses. All but a network may name a port.
    """
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    name, colon, number = entry.rpartition(":")
    if colon and number.isascii() and number.isdecimal():
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").strip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))

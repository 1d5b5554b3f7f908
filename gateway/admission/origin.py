"""The sites whose pages may connect, and the names under which this gateway is served.

A browser lets any page open a WebSocket to anywhere, and writes the page's site into `Origin`; no page can change that
(RFC 6455, section 10.2). `Host` is the other half. A page that makes its own name resolve to this machine (DNS
rebinding) has the same `Origin` as we do; only the name in `Host` exposes it.
"""

import re
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Final

from msgspec import Struct
from yarl import URL

from market.settings.environ import SettingError, shown

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PAGES_SCHEMES: Final = {"ws": "http", "wss": "https"}
"""Of a WebSocket's URL: the scheme of the page that is probably meant."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")

_LONGEST: Final = 300
"""Characters: a name has at most 253 (RFC 1035, section 2.3.4)."""

_AUTHORITY: Final = re.compile(r"(?:(\[[0-9a-f:.]+\])|([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)\.?)(?::([0-9]{1,5}))?")
_ORIGIN: Final = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)")
_OPAQUE: Final = re.compile(r"[a-z0-9._~!$&'()+;=:%-]*")
"""What apps write behind a scheme of their own; nothing behind ``file``."""


class Authority(Struct, frozen=True):
    """A host and its port, None if none is given: what `Host` holds, and an origin after its scheme."""

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "Authority | None":
        """Read it as a browser writes it, or return None.

        A final dot does not change a name (RFC 1034, section 3.1).
        """
        match = _AUTHORITY.fullmatch(_lower(text))
        if match is None:
            return None
        host, port = match[1] or match[2], int(match[3]) if match[3] else None
        try:
            host = f"[{IPv6Address(host[1:-1])}]" if host[0] == "[" else host
        except ValueError:
            return None
        return None if port is not None and port > 65_535 else cls(host, port)

    def __str__(self) -> str:
        """As a browser writes it."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    def is_below(self, parent: "Authority") -> bool:
        """Whether this is a subdomain of ``parent``, at any depth, and at its port if it has one."""
        return self.host.endswith("." + parent.host) and parent.port in (None, self.port)


class Origin(Struct, frozen=True):
    """A page's origin (RFC 6454, section 4), with the default port filled in.

    Behind a scheme that is not the web's there may be no host, or nothing: ``file://``, ``app://-``.
    """

    scheme: str
    authority: Authority

    @classmethod
    def parse(cls, text: str) -> "Origin | None":
        """Read it as a browser writes it, or return None."""
        match = _ORIGIN.fullmatch(_lower(text))
        if match is None:
            return None
        authority = Authority.parse(match[2])
        if authority is None:
            is_app = match[1] not in _DEFAULT_PORTS and _OPAQUE.fullmatch(match[2])
            return cls(match[1], Authority(match[2], None)) if is_app else None
        port = authority.port if authority.port is not None else _DEFAULT_PORTS.get(match[1])
        return cls(match[1], Authority(authority.host, port))

    def __str__(self) -> str:
        """As a browser writes it, without a default port."""
        is_default = self.authority.port == _DEFAULT_PORTS.get(self.scheme)
        return f"{self.scheme}://{self.authority.host if is_default else self.authority}"


class AllowedOrigins(Struct, frozen=True):
    """The sites whose pages may connect. By default only those of the host that they connect to."""

    own: bool = True
    """Whether pages of the same host and port may connect, such as the dashboard."""
    every: bool = False
    """Whether all other sites may."""
    null: bool = False
    """Whether pages without an origin may: files, sandboxed frames, and anything that a page can make itself."""
    exact: frozenset[Origin] = frozenset()
    parents: tuple[Origin, ...] = ()
    """Sites whose subdomains may, at any depth, but not they themselves."""

    @classmethod
    def parse(cls, origins: str) -> "AllowedOrigins":
        """Read a comma-separated list of origins.

        They are ``https://app.example.com``, with a port or not, ``https://*.example.com``, ``file://``,
        ``capacitor://localhost`` and other schemes of apps, and the words ``self`` (the gateway's own pages), ``null``,
        and ``*`` for all but ``null``. Empty means ``self``.

        Raises:
            SettingError: an entry is none of these.
        """
        entries = _entries(origins)
        exact, parents = set(), []
        for entry in entries:
            if entry in ("self", "null", "*"):
                continue
            scheme, separator, authority = entry.partition("://")
            page_scheme = _PAGES_SCHEMES.get(scheme.lower())
            if page_scheme and (host := authority.partition("/")[0]):
                raise SettingError(
                    f"ALLOWED_ORIGINS has {shown(entry)}, which is where a WebSocket goes; it lists where pages come"
                    f" from: write {page_scheme}://{host[:_LONGEST]}, or what the browser shows as the page's address"
                )
            name, is_parent = _name(authority)
            origin = Origin.parse(scheme + separator + name)
            if origin is None:
                raise SettingError(
                    f"ALLOWED_ORIGINS has {shown(entry)}, which is no origin; write scheme and host, and no path, like"
                    " https://app.example.com, https://*.example.com or http://localhost:3000, or self, null or *"
                )
            if is_parent:
                parents.append(origin)
            else:
                exact.add(origin)
        return cls(
            "self" in entries or not entries, "*" in entries, "null" in entries, frozenset(exact), tuple(parents)
        )

    def __str__(self) -> str:
        """The setting that means this."""
        words = [word for word, is_set in (("self", self.own), ("*", self.every), ("null", self.null)) if is_set]
        return ",".join([*words, *sorted(map(str, self.exact)), *map(_parent, map(str, self.parents))])

    def allows(self, origin: str | None, host: str) -> bool:
        """Whether a request with these `Origin` and `Host` headers may connect.

        Every browser sends an `Origin` with a WebSocket handshake. A client that sends none is a program, which no page
        misleads; if a token is needed, it must bring one. For an own page the scheme is not compared: behind a proxy
        that ends TLS, ``https`` outside is ``http`` here.
        """
        if origin is None:
            return True
        if origin == "null":
            return self.null
        if self.every:
            return True
        parsed = Origin.parse(origin)
        if parsed is None:
            return False
        return (
            parsed in self.exact
            or any(
                parsed.scheme == parent.scheme and parsed.authority.is_below(parent.authority)
                for parent in self.parents
            )
            or (self.own and is_own(parsed, host))
        )


class AllowedHosts(Struct, frozen=True):
    """The names under which this gateway is served; a name without a port stands for any port."""

    every: bool = True
    exact: frozenset[Authority] = frozenset()
    parents: tuple[Authority, ...] = ()

    @classmethod
    def parse(cls, hosts: str, *, only_loopback: bool) -> "AllowedHosts":
        """Read a comma-separated list: ``prices.example.com``, with a port or not, ``*.example.com``, ``*`` for all.

        Loopback's own names are always added: they are nobody else's. An empty list means only them with
        ``only_loopback``, and ``*`` without. A gateway that only this machine reaches has no other name. If others
        reach it, or a proxy serves it, only its operator knows the names.

        Raises:
            SettingError: an entry is none of these.
        """
        entries = _entries(hosts)
        if "*" in entries or not (entries or only_loopback):
            return cls()
        exact, parents = {Authority(name, None) for name in _LOOPBACK}, []
        for entry in entries:
            name, is_parent = _name(entry)
            authority = Authority.parse(name)
            if authority is None:
                raise SettingError(
                    f"ALLOWED_HOSTS has {shown(entry)}, which is no host; write prices.example.com, *.example.com,"
                    " localhost:8080, [::1] or *, with commas between them"
                )
            if is_parent:
                parents.append(authority)
            else:
                exact.add(authority)
        return cls(every=False, exact=frozenset(exact), parents=tuple(parents))

    def adding(self, names: frozenset[Authority]) -> "AllowedHosts":
        """These and ``names``."""
        return self if self.every else AllowedHosts(every=False, exact=self.exact | names, parents=self.parents)

    def __str__(self) -> str:
        """The setting that means this."""
        if self.every:
            return "*"
        own = sorted(str(name) for name in self.exact if name.host not in _LOOPBACK)
        return ",".join([*own, *(f"*.{parent}" for parent in self.parents)])

    def allows(self, host: str) -> bool:
        """Whether a request with this `Host` header is for us."""
        if self.every:
            return True
        named = Authority.parse(host)
        if named is None:
            return False
        return (
            named in self.exact
            or Authority(named.host, None) in self.exact
            or any(named.is_below(parent) for parent in self.parents)
        )

    def allows_operator(self, host: str, listens_on: str = "") -> bool:
        """Return whether a request with this `Host` header may be a balancer's or a scraper's.

        They may use other names for us, among them the one that the gateway ``listens_on``. DNS rebinding cannot make
        an address, or a name without a dot such as ``gateway``: it needs a name in a domain of the page's own. Every
        browser sends a `Host`, so a client that sends none is a program.
        """
        if not host or self.allows(host):
            return True
        named = Authority.parse(host)
        return named is not None and (
            "." not in named.host or _is_address(named.host) or named.host == listens_on.lower().removesuffix(".")
        )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host[0] == "["
    return True


def _lower(text: str) -> str:
    """In lower case; empty if it is longer than any name, or not ASCII: some other letters have an ASCII lower case."""
    return text.lower() if len(text) <= _LONGEST and text.isascii() else ""


def _parent(origin: str) -> str:
    return origin.replace("://", "://*.", 1)


def _entries(value: str) -> list[str]:
    return [entry for part in value.split(",") if (entry := part.strip())]


def _name(authority: str) -> tuple[str, bool]:
    """The name on the wire of an authority in a setting, and whether its subdomains are meant."""
    name = authority.removeprefix("*.")
    if not name.isascii():
        host, colon, port = name.partition(":")
        # By UTS 46, as browsers do; the standard library's codec knows only its predecessor.
        with suppress(ValueError):
            name = f"{URL.build(scheme='https', host=host).raw_host}{colon}{port}"
    return name, authority.startswith("*.")


def is_own(origin: Origin, host: str) -> bool:
    """Whether pages of ``origin`` come from where they connect to: the `Host` that they ask for."""
    named = Authority.parse(host)
    if named is None or origin.scheme not in _DEFAULT_PORTS:
        return False
    port = named.port if named.port is not None else _DEFAULT_PORTS[origin.scheme]
    return origin.authority == Authority(named.host, port)

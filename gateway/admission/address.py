"""A client's address; behind proxies, as far as they are trusted."""

import functools
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from msgspec import Struct

from market.settings.environ import SettingError, shown

UNIX: Final = "unix"
"""Stands for clients over a Unix socket, which have no addresses."""

_WITH_PORT: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


class TrustedProxies(Struct, frozen=True):
    """The proxies that are trusted about a client's address, and how many of them are in a row.

    Every proxy adds, on the right of `X-Forwarded-For`, the address that connected to *it*. Anybody may send a list
    that is filled already. So the list is read only from a listed proxy, and only its ``hops``-th entry from the right:
    with so many proxies of ours in a row, that entry is what the outermost of them saw. Everything that a client can
    write is further left. If that entry is missing or is no address, the proxies are not what the settings say. Then
    the address of the peer counts, which all clients behind it share.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False
    """Whether a peer over a Unix socket is one of them."""
    hops: int = 1
    """How many trusted proxies a request passes: the client's address is so many entries from the right."""

    @classmethod
    def parse(cls, proxies: str, hops: int = 1, *, name: str = "TRUSTED_PROXIES") -> "TrustedProxies":
        """Read a comma-separated list of addresses, networks and the word ``unix``; empty means none.

        Raises:
            SettingError: an entry is none of these; the message names the variable, which is ``name``.
        """
        entries = [stripped for entry in proxies.split(",") if (stripped := entry.strip())]
        return cls(tuple(_network(entry, name) for entry in entries if entry != UNIX), UNIX in entries, hops)

    def trusts(self, peer: str | None) -> bool:
        """Whether ``peer`` is trusted about its client: `X-Forwarded-For`, `X-Forwarded-Proto`.

        ``peer`` is the address of the other end of the TCP connection; None or "" on a Unix socket.
        """
        if not peer:
            return self.unix
        if not self.networks:
            return False
        address = _address(peer.partition("%")[0])
        return address is not None and any(address in network for network in self.networks)

    def reported(self, peer: str | None, forwarded_for: Sequence[str]) -> str | None:
        """The client's address as a trusted proxy reports it, in its usual spelling; None if none does.

        ``forwarded_for`` has the values of all `X-Forwarded-For` lines, in order.
        """
        if not forwarded_for or not self.trusts(peer):
            return None
        # From the right, and no further than needed: the left is as long as a stranger likes. An empty entry counts,
        # although RFC 9110, section 5.6.1, would skip it: else an entry that a proxy left empty would expose the left.
        entries = ",".join(forwarded_for).rsplit(",", self.hops)
        address = _entry(entries[-self.hops]) if len(entries) >= self.hops else None
        return None if address is None else str(address)

    def client(self, peer: str | None, forwarded_for: Sequence[str]) -> str:
        """The client's address: `reported`, else its own; `UNIX` if it has none."""
        return self.reported(peer, forwarded_for) or spelled(peer)


# Called when a connection arrives, and again when its request is whole.
@functools.lru_cache(maxsize=1024)
def spelled(peer: str | None) -> str:
    """The usual spelling of a peer's address: without scope, and IPv4 as such if a dual-stack socket mapped it."""
    if not peer:
        return UNIX
    return str(_address(peer.partition("%")[0]) or peer)


def limit_key(address: str) -> str:
    """The key that an address is counted under. For IPv6 the /64, the least that a site gets (RFC 6177, section 2)."""
    if ":" not in address:
        return address
    parsed = _address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed or address)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on ``host``."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def is_every_address(host: Any) -> bool:
    """Whether ``host`` is IPv6's unspecified address ``::``, which means every address of both families."""
    return isinstance(host, str) and (address := _address(host)) is not None and address == IPv6Address("::")


def is_private(name: Any) -> bool:
    """Whether only this machine reaches what listens at ``name``, a socket's `getsockname`.

    The name of a Unix socket is a path.
    """
    return not isinstance(name, tuple) or is_loopback(name[0])


def _network(entry: str, name: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(entry)
    except ValueError as error:
        raise SettingError(
            f"{name} has {shown(entry)}, which is no address and no network ({error});"
            " write them like 10.0.0.1, 10.0.0.0/8 or fd00::/8, with commas between them"
        ) from None
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _entry(text: str) -> IPv4Address | IPv6Address | None:
    """The address in an entry; some proxies write a port behind it."""
    text = text.strip()
    with_port = _WITH_PORT.fullmatch(text)
    return _address((with_port[1] or with_port[2]) if with_port else text)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    if "%" in text:
        return None  # a scope means something only on the machine that wrote it
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address

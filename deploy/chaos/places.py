"""Where a process of the deployment connects to: its bus, its exchange."""

import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from deploy.chaos.errors import NotMadeError
from deploy.chaos.network.connections import Connection, Place, connections_of, resolved
from gateway.settings import Settings
from market.bus import BusUrlError
from market.bus.redis.connection.url import parse_redis_url
from market.errors import MarketError
from market.settings.config import layered
from poller.settings import PollerSettings

_ONE_SERVER: Final = ("redis://", "rediss://")
_PORTS: Final = {"https": 443, "wss": 443, "http": 80, "ws": 80}
_NO_EXCHANGE: Final = ("simulated", "replay")


def environ_of(pid: int) -> dict[str, str]:
    """The variables that a process was started with.

    Raises:
        NotMadeError: they cannot be read.
    """
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="surrogateescape").split("\0")
    except OSError as error:
        raise NotMadeError(f"the settings of process {pid} cannot be read: {error.strerror}") from None
    return {name: value for name, equals, value in (entry.partition("=") for entry in entries) if equals}


def of_bus(named: Sequence[Place], variables: Mapping[str, str]) -> list[Place]:
    """The addresses of the bus: those that are ``named``, or else that of ``BUS_URL``.

    Raises:
        NotMadeError: they are not known.
    """
    if named:
        return list(named)
    try:
        with layered(variables) as both:
            url = both.get("BUS_URL", Settings().bus_url)
        if not url.startswith(_ONE_SERVER):
            raise NotMadeError("BUS_URL is not that of one server on TCP; name its servers with --bus")
        place = parse_redis_url(url)
        return resolved(place.host, place.port)
    except (MarketError, BusUrlError) as error:
        raise NotMadeError(f"the bus is not known: {error}") from None
    except OSError as error:
        raise NotMadeError(f"the address of the bus is not known: {error.strerror}") from None


def of_exchange(variables: Mapping[str, str], is_here: Callable[[Place], bool]) -> list[Place]:
    """The addresses of the poller's exchange, all of which must be on this machine.

    Raises:
        NotMadeError: they are not, or it has none.
    """
    try:
        settings = PollerSettings.from_environ(variables)
    except MarketError as error:
        raise NotMadeError(f"the exchange is not known: {error}") from None
    if settings.feed in _NO_EXCHANGE or settings.replay_path is not None:
        raise NotMadeError("the prices come from no exchange (FEED)")
    places: list[Place] = []
    for url in (*settings.rest_url, *settings.ws_url):
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        try:
            places += resolved(host, port)
        except OSError as error:
            raise NotMadeError(f"the address of {host} is not known: {error.strerror}") from None
    if away := next((place for place in places if not is_here(place)), None):
        raise NotMadeError(
            f"the exchange ({away}) is not on this machine: one elsewhere counts our tries to connect, and bans"
        )
    return sorted(set(places))


def is_of_this_machine(place: Place) -> bool:
    """Whether the address is one of this machine."""
    with socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((place.host, 0))
        except OSError:
            return False
    return True


def held(pid: int, places: Sequence[Place], who: str) -> list[Connection]:
    """The connections of a process to these places.

    Raises:
        NotMadeError: it has none; so these are other places than its own, and are left alone.
    """
    if found := [one for one in connections_of(pid) if one.remote in places]:
        return found
    raise NotMadeError(f"{who} has no connection to {', '.join(map(str, places))}; --bus names the bus's address")

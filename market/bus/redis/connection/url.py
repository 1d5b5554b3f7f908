"""The URL of a Redis or Valkey server: what it may contain, and what is refused.

We read it ourselves. redis-py accepts an option for every argument of a connection, and drops everything behind an
unencoded ``#``. So it would connect to another host, with another password, or in a protocol that we do not read. A
message shows no part of the URL except the name of an option: any other part may belong to a password.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from market.bus.errors import BusUrlError
from market.bus.redis.connection.tls import TLS_OPTIONS, Tls
from market.bus.redis.connection.url_parts import (
    NO_DB,
    NUMBER,
    OPTIONS,
    client_name,
    db_number,
    decoded,
    host_and_port,
    password_file,
    place_of,
    read_options,
    url_parts,
)
from market.bus.secret_file import read_secret

_MAX_PATH_BYTES: Final = 107
"""unix(7): ``sun_path``, without the zero at its end."""
_PLACE: Final = "names no host and port that can be used; write redis://host:port/db, an IPv6 address in brackets"


class Wording(Struct, frozen=True):
    """How ``BUS_URL`` says of a server what mends a fault of its connections."""

    what: str = ""
    """Before the server's place, with a blank behind it."""
    tls: str = "write rediss:// in BUS_URL"
    plain: str = "write redis:// in BUS_URL"
    name: str = "use that name in BUS_URL"
    """What to do if its certificate has another name."""
    credentials: str = "see BUS_URL"
    prefix: str = ""
    """Before the names of `TLS_OPTIONS`."""


class RedisUrl(Struct, frozen=True, kw_only=True):
    """Where a server is, and our credentials for it. It never shows the password."""

    host: str = ""
    port: int = 6379
    path: str = ""
    """Of a Unix socket, in place of host and port."""
    db: int = 0
    username: str | None = None
    password: str | None = None
    password_file: str = ""
    """A file of the password, in place of it, that is read for each connection: it may change at any time."""
    client_name: str | None = None
    tls: Tls | None = None
    """None where bytes go as they are."""
    wording: Wording = Wording()

    def __repr__(self) -> str:
        """Without user and password."""
        return f"RedisUrl({self.place!r}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for printing with rich."""
        return [("place", self.place)]

    @property
    def place(self) -> str:
        """``host:port``, or the path of a socket."""
        if self.path:
            return self.path
        return place_of(self.host, self.port)

    def with_password(self) -> "RedisUrl":
        """The same, with the password that is in the file now.

        Raises:
            SecretFileError: it cannot be read.
        """
        return replace(self, password=read_secret(self.password_file)) if self.password_file else self

    @property
    def called(self) -> str:
        """What a message calls the server."""
        return f"{self.wording.what}{self.place}"


def parse_redis_url(url: str) -> RedisUrl:
    """Read a URL that begins with ``redis://``, ``rediss://`` or ``unix://``.

    Raises:
        BusUrlError: the URL, or a part of it, cannot be read. No secret is in the message.
    """
    parts = url_parts(url)
    options = read_options(parts.query, OPTIONS + TLS_OPTIONS if parts.scheme == "rediss" else OPTIONS)
    where = _socket if parts.scheme == "unix" else _address
    return RedisUrl(
        username=parts.username,
        password=parts.password,
        password_file=password_file(options, parts.password),
        client_name=client_name(options),
        tls=Tls.parse(options) if parts.scheme == "rediss" else None,
        **where(parts.server, parts.path, options),
    )


def _address(server: str, path: str, options: Mapping[str, str]) -> dict[str, Any]:
    where = host_and_port(server, 6379)
    if where is None:
        raise BusUrlError(_PLACE)
    if path not in {"", "/"} and not NUMBER.fullmatch(path[1:]):
        raise BusUrlError(NO_DB)
    return {"host": where[0], "port": where[1], "db": db_number(path[1:], options)}


def _socket(server: str, path: str, options: Mapping[str, str]) -> dict[str, Any]:
    its = decoded(path)
    if server or not its.strip("/") or "\0" in its:
        raise BusUrlError("names no socket; write unix:///path/of/the/socket?db=0, or redis://host:port/db")
    if len(its.encode()) > _MAX_PATH_BYTES:
        raise BusUrlError(f"names a socket whose path is longer than {_MAX_PATH_BYTES} bytes; put it elsewhere")
    return {"path": its, "db": db_number("", options)}

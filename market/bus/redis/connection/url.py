"""The URL of a Redis or Valkey server: what it may contain, and what is refused.

We read it ourselves. redis-py accepts an option for every argument of a connection, and drops everything behind an
unencoded ``#``. So it would connect to another host, with another password, or in a protocol that we do not read. A
message shows no part of the URL except the name of an option: any other part may belong to a password.
"""

import ipaddress
import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from market.bus.errors import BusUrlError
from market.bus.redis.connection.tls import TLS_OPTIONS, Tls

OPTIONS: Final = ("client_name", "db", "protocol")
"""Options of every scheme; `TLS_OPTIONS` are for ``rediss://``."""

_MAX_DB: Final = 2**31 - 1
_MAX_PATH_BYTES: Final = 107
"""unix(7): ``sun_path``, without the zero at its end."""
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_OPTION_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_CLIENT_NAME: Final = re.compile(r"[!-~]{1,100}")
"""CLIENT SETNAME takes neither blanks nor line ends."""

_ENCODE: Final = "write / ? # @ in user, password and option values as %2F %3F %23 %40, like"
_LIKE: Final = {
    sign: f"{_ENCODE} redis://user:pass{code}word@host:port/db"
    for sign, code in (("/", "%2F"), ("?", "%3F"), ("#", "%23"), ("@", "%40"))
}
_IN_OPTION: Final = re.compile(rf"\?(?:[^?]*&)?(?:{'|'.join(OPTIONS + TLS_OPTIONS)})=[^&]*")
_PLACE: Final = "names no host and port that can be used; write redis://host:port/db, an IPv6 address in brackets"


class RedisUrl(Struct, frozen=True, kw_only=True):
    """Where a server is, and our credentials for it. It never shows the password."""

    host: str = ""
    port: int = 6379
    path: str = ""
    """Of a Unix socket, in place of host and port."""
    db: int = 0
    username: str | None = None
    password: str | None = None
    client_name: str | None = None
    tls: Tls | None = None
    """None where bytes go as they are."""

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
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_redis_url(url: str) -> RedisUrl:
    """Read a URL that begins with ``redis://``, ``rediss://`` or ``unix://``.

    Raises:
        BusUrlError: the URL, or a part of it, cannot be read. No secret is in the message.
    """
    if not url.isprintable() or " " in url:
        raise BusUrlError("holds white space or a control character; percent-encode it (a blank is %20)")
    if re.search("%(?![0-9A-Fa-f]{2})", url):
        raise BusUrlError("has a % that no two hexadecimal digits follow; write a % in a password as %25")
    scheme, _, rest = url.partition("://")
    authority, behind = _split(rest, "/?")
    userinfo, _, server = authority.rpartition("@")
    if "#" in rest or "@" in behind or "@" in userinfo:
        raise BusUrlError(_unencoded(rest))
    path, _, query = behind.partition("?")
    options = _options(query, tls=scheme == "rediss")
    username, _, password = userinfo.partition(":")
    return RedisUrl(
        username=_decoded(username) or None,
        password=_decoded(password) or None,
        client_name=_client_name(options),
        tls=Tls.parse(options) if scheme == "rediss" else None,
        **(_socket(server, path, options) if scheme == "unix" else _address(server, path, options)),
    )


def _split(text: str, signs: str) -> tuple[str, str]:
    """Split before the first of ``signs``: the text before it, and that sign with the rest."""
    match = re.search(f"[{signs}]", text)
    at = match.start() if match else len(text)
    return text[:at], text[at:]


def _unencoded(rest: str) -> str:
    """Which sign stands where none can, and in what; no other sign of it is told."""
    before = rest.rpartition("@")[0]
    if _IN_OPTION.search(before):
        return f"has an @ or # in the value of an option; {_LIKE['@']}"
    signs = [sign for sign in _LIKE if sign in before]
    if not signs:
        return f"has a # where none can stand; {_LIKE['#']}"
    part = "password" if ":" in _split(before, "".join(_LIKE))[0] else "user or password"
    return f"has {' and '.join(signs)} in the {part}, not percent-encoded; {_LIKE[signs[0]]}"


def _address(server: str, path: str, options: dict[str, str]) -> dict[str, Any]:
    if match := re.fullmatch(r"\[([^\[\]]*)\](?::([0-9]{1,5}))?", server):
        host = _decoded(match[1])
        usable = _is_ipv6(host)
    else:
        match = re.fullmatch(r"([^:]*)(?::([0-9]{1,5}))?", server)
        host = match[1] if match else ""
        usable = _HOST.fullmatch(host) is not None
    port = int(match[2] or 6379) if match else 0
    if not usable or not 1 <= port <= 65_535:
        raise BusUrlError(_PLACE)
    if path not in {"", "/"} and not _NUMBER.fullmatch(path[1:]):
        raise BusUrlError("names a database that is no number; write redis://host:port/db, like redis://host:6379/0")
    return {"host": host, "port": port, "db": _db(path[1:], options)}


def _socket(server: str, path: str, options: dict[str, str]) -> dict[str, Any]:
    decoded = _decoded(path)
    if server or not decoded.strip("/") or "\0" in decoded:
        raise BusUrlError("names no socket; write unix:///path/of/the/socket?db=0, or redis://host:port/db")
    if len(decoded.encode()) > _MAX_PATH_BYTES:
        raise BusUrlError(f"names a socket whose path is longer than {_MAX_PATH_BYTES} bytes; put it elsewhere")
    return {"path": decoded, "db": _db("", options)}


def _db(in_path: str, options: dict[str, str]) -> int:
    in_query = options.get("db", "")
    if in_path and in_query:
        raise BusUrlError("names a database twice; remove the option db")
    db = in_path or in_query or "0"
    if not _NUMBER.fullmatch(db) or int(db) > _MAX_DB:
        raise BusUrlError("names a database that is no number; write redis://host:port/db, like redis://host:6379/0")
    return int(db)


def _options(query: str, *, tls: bool) -> dict[str, str]:
    """Name -> value, each of them known and given once."""
    options: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, raw = pair.partition("=")
        if not _OPTION_NAME.fullmatch(name):
            raise BusUrlError("has an option that is not NAME=VALUE; write redis://host:port/db?NAME=VALUE&NAME=VALUE")
        if name in {"username", "password"}:
            raise BusUrlError(f"has the option {name}; write redis://user:password@host:port/db instead")
        if name not in OPTIONS and name not in TLS_OPTIONS:
            known = ", ".join(OPTIONS + TLS_OPTIONS if tls else OPTIONS)
            raise BusUrlError(f"has the option {name}, which is not known; remove it (known are {known})")
        if name in TLS_OPTIONS and not tls:
            raise BusUrlError(f"has the option {name}, which is for TLS; write rediss://host:port/db, or remove it")
        if name in options:
            raise BusUrlError(f"has the option {name} twice; remove one")
        if not raw:
            raise BusUrlError(f"has the option {name} without a value; write {name}=VALUE, or remove it")
        options[name] = _decoded(raw)
    if options.get("protocol", "2") != "2":
        raise BusUrlError("asks for a protocol other than 2, which is not read here; remove the option protocol")
    return options


def _client_name(options: dict[str, str]) -> str | None:
    name = options.get("client_name")
    if name is not None and not _CLIENT_NAME.fullmatch(name):
        raise BusUrlError("has a client_name that no server takes; use up to 100 letters, digits and signs, no blanks")
    return name


def _decoded(text: str) -> str:
    raw = unquote_to_bytes(text)
    # Checked here, because an exception would hold the bytes.
    decoded = raw.decode(errors="replace")
    if decoded.encode() != raw:
        raise BusUrlError("has percent-encoded bytes that are not UTF-8; encode user and password as UTF-8")
    return decoded


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True

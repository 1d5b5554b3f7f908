"""What the URLs of several schemes share. `market.bus.redis.connection.url` says why we read them ourselves."""

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from market.bus.errors import BusUrlError
from market.bus.redis.connection.tls import TLS_OPTIONS

OPTIONS: Final = ("client_name", "db", "password_file", "protocol")
"""Options of every scheme; `TLS_OPTIONS` are for ``rediss://``."""

_MAX_DB: Final = 2**31 - 1
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")
NUMBER: Final = re.compile(r"[0-9]{1,10}")
_OPTION_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_CLIENT_NAME: Final = re.compile(r"[!-~]{1,100}")
"""CLIENT SETNAME takes neither blanks nor line ends."""

_ENCODE: Final = "write / ? # @ in user, password and option values as %2F %3F %23 %40, like"
_LIKE: Final = {
    sign: f"{_ENCODE} redis://user:pass{code}word@host:port/db"
    for sign, code in (("/", "%2F"), ("?", "%3F"), ("#", "%23"), ("@", "%40"))
}
_IN_OPTION: Final = re.compile(rf"\?(?:[^?]*&)?(?:{'|'.join(OPTIONS + TLS_OPTIONS)}|sentinel_[a-z_]+)=[^&]*")
NO_DB: Final = "names a database that is no number; write redis://host:port/db, like redis://host:6379/0"


class UrlParts(Struct, frozen=True):
    """A URL, taken apart; its options are not read yet."""

    scheme: str
    username: str | None
    password: str | None
    server: str
    path: str
    query: str

    def __repr__(self) -> str:
        """Without any part, as each may belong to a password."""
        return "UrlParts(…)"


def url_parts(url: str) -> UrlParts:
    """Take ``url`` apart, and decode user and password.

    Raises:
        BusUrlError: a sign stands where none can.
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
    username, _, password = userinfo.partition(":")
    return UrlParts(scheme, decoded(username) or None, decoded(password) or None, server, path, query)


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


def host_and_port(server: str, default_port: int) -> tuple[str, int] | None:
    """The two parts of ``host:port``, with an IPv6 address in brackets; None if it cannot be used."""
    if match := re.fullmatch(r"\[([^\[\]]*)\](?::([0-9]{1,5}))?", server):
        host = decoded(match[1])
        usable = _is_ipv6(host)
    else:
        match = re.fullmatch(r"([^:]*)(?::([0-9]{1,5}))?", server)
        host = match[1] if match else ""
        usable = _HOST.fullmatch(host) is not None
    port = int(match[2] or default_port) if match else 0
    return (host, port) if usable and 1 <= port <= 65_535 else None


def place_of(host: str, port: int) -> str:
    """``host:port``, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def db_number(in_path: str, options: Mapping[str, str], no_number: str = NO_DB) -> int:
    """The database, from the path or the option ``db``; 0 without either."""
    in_query = options.get("db", "")
    if in_path and in_query:
        raise BusUrlError("names a database twice; remove the option db")
    db = in_path or in_query or "0"
    if not NUMBER.fullmatch(db) or int(db) > _MAX_DB:
        raise BusUrlError(no_number)
    return int(db)


def read_options(
    query: str,
    known: Collection[str],
    *,
    tls: str = "rediss://host:port/db",
    form: str = "redis://host:port/db?NAME=VALUE&NAME=VALUE",
    listed: str = "",
) -> dict[str, str]:
    """Name -> value, each of them ``known`` and given once.

    ``tls`` is what to write for TLS, and ``form`` for options; ``listed`` is said of those that are known.

    Raises:
        BusUrlError: an option that cannot be used. The message shows its name alone.
    """
    options: dict[str, str] = {}
    pairs = query.split("&") if query else []
    for number, pair in enumerate(pairs):
        name, _, raw = pair.partition("=")
        if not _OPTION_NAME.fullmatch(name):
            raise BusUrlError(f"has an option that is not NAME=VALUE; write {form}")
        if name in {"username", "password"}:
            raise BusUrlError(f"has the option {name}; write redis://user:password@host:port/db instead")
        if name in TLS_OPTIONS and name not in known:
            raise BusUrlError(f"has the option {name}, which is for TLS; write {tls}, or remove it")
        if name not in known and any("password" in its for its in pairs[:number]):
            # It may be the rest of that password, even of one whose name stands in another's value.
            raise BusUrlError("has an option that is not known behind a password; write & in a password as %26")
        if name not in known:
            its = listed or ", ".join(known)
            raise BusUrlError(f"has the option {name}, which is not known; remove it (known are {its})")
        if name in options:
            raise BusUrlError(f"has the option {name} twice; remove one")
        if not raw:
            raise BusUrlError(f"has the option {name} without a value; write {name}=VALUE, or remove it")
        options[name] = decoded(raw)
    if options.get("protocol", "2") != "2":
        raise BusUrlError("asks for a protocol other than 2, which is not read here; remove the option protocol")
    return options


def client_name(options: Mapping[str, str]) -> str | None:
    """The name of our connections, if one is given."""
    name = options.get("client_name")
    if name is not None and not _CLIENT_NAME.fullmatch(name):
        raise BusUrlError("has a client_name that no server takes; use up to 100 letters, digits and signs, no blanks")
    return name


def password_file(options: Mapping[str, str], password: str | None, name: str = "password_file") -> str:
    """The file of our password; empty if there is none."""
    path = options.get(name, "")
    if path and password:
        raise BusUrlError(f"has a password, and a {name.replace('_', ' ')} as well; remove one")
    return path


def decoded(text: str) -> str:
    """Decode what is percent-encoded."""
    raw = unquote_to_bytes(text)
    # Checked here, because an exception would hold the bytes.
    its = raw.decode(errors="replace")
    if its.encode() != raw:
        raise BusUrlError("has percent-encoded bytes that are not UTF-8; encode user and password as UTF-8")
    return its


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True

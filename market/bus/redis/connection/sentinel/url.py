"""The URL of a primary that Sentinels name: ``redis+sentinel://[user:password@]host:port,host:port/master/db``.

User, password and ``ssl_`` options are for the data servers. ``rediss+sentinel://`` means TLS, to them and to the
Sentinels. The Sentinels have options of their own, which begin with ``sentinel_``.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from market.bus.errors import BusUrlError
from market.bus.redis.connection.sentinel.verdict import Address
from market.bus.redis.connection.tls import NO, TLS_OPTIONS, YES, Tls
from market.bus.redis.connection.url import RedisUrl, Wording
from market.bus.redis.connection.url_parts import (
    OPTIONS,
    client_name,
    db_number,
    decoded,
    host_and_port,
    password_file,
    read_options,
    url_parts,
)

PREFIX: Final = "sentinel_"
"""Options that begin with this are for the Sentinels."""
SENTINEL_TLS_OPTIONS: Final = tuple(f"{PREFIX}{name}" for name in TLS_OPTIONS)
_OWN: Final = tuple(f"{PREFIX}{name}" for name in ("username", "password", "password_file", "ssl"))
SENTINEL_OPTIONS: Final = (*_OWN, *SENTINEL_TLS_OPTIONS)

_PORT: Final = 26379
_MOST: Final = 32
"""More Sentinels than that are no list of Sentinels."""
_MASTER: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""The names that Sentinel allows."""
_FORM: Final = "redis+sentinel://host:port,host:port/master/db"
_LISTED: Final = ", ".join((*OPTIONS, *_OWN, "ssl_…", f"{PREFIX}ssl_…"))
_SENTINELS: Final = Wording(
    what="Sentinel ",
    tls=f"write {PREFIX}ssl=true in BUS_URL",
    plain=f"write {PREFIX}ssl=false in BUS_URL",
    credentials=f"see {PREFIX}username and {PREFIX}password in BUS_URL",
    prefix=PREFIX,
)
_PRIMARY: Final = Wording(
    tls="write rediss+sentinel:// in BUS_URL",
    plain="write redis+sentinel:// in BUS_URL",
    name="let the Sentinels announce that name (sentinel announce-hostnames yes)",
)


class SentinelUrl(Struct, frozen=True, kw_only=True):
    """Where the Sentinels are, which of their primaries is ours, and our credentials for both."""

    sentinels: tuple[RedisUrl, ...]
    master: str
    """What the Sentinels call the primary and its replicas."""
    server: RedisUrl
    """Every data server, but for its address."""

    def at(self, address: Address) -> RedisUrl:
        """The data server at ``address``."""
        return replace(self.server, host=address.host, port=address.port)

    @property
    def place(self) -> str:
        """``host:port,host:port/master``."""
        return f"{','.join(its.place for its in self.sentinels)}/{self.master}"


def parse_sentinel_url(url: str) -> SentinelUrl:
    """Read a URL that begins with ``redis+sentinel://`` or ``rediss+sentinel://``.

    Raises:
        BusUrlError: the URL, or a part of it, cannot be read. No secret is in the message.
    """
    parts = url_parts(url)
    tls = parts.scheme == "rediss+sentinel"
    options = read_options(
        parts.query,
        (*OPTIONS, *(TLS_OPTIONS if tls else ()), *SENTINEL_OPTIONS),
        tls=f"rediss{_FORM.removeprefix('redis')}",
        form=f"{_FORM}?NAME=VALUE&NAME=VALUE",
        listed=_LISTED,
    )
    master, _, db = parts.path.removeprefix("/").partition("/")
    if not _MASTER.fullmatch(decoded(master)):
        raise BusUrlError(f"names no master, or one that no Sentinel can know; write {_FORM}, like …/mymaster/0")
    server = RedisUrl(
        db=db_number(db, options, f"names a database that is no number; write {_FORM}, like …/mymaster/0"),
        username=parts.username,
        password=parts.password,
        password_file=password_file(options, parts.password),
        client_name=client_name(options),
        tls=Tls.parse(options) if tls else None,
        wording=_PRIMARY,
    )
    return SentinelUrl(sentinels=_sentinels(parts.server, options, tls=tls), master=decoded(master), server=server)


def _sentinels(servers: str, options: Mapping[str, str], *, tls: bool) -> tuple[RedisUrl, ...]:
    common: dict[str, Any] = {
        "username": options.get(f"{PREFIX}username"),
        "password": options.get(f"{PREFIX}password"),
        "password_file": password_file(options, options.get(f"{PREFIX}password"), f"{PREFIX}password_file"),
        "client_name": client_name(options),
        "tls": _tls(options, tls=tls),
        "wording": _SENTINELS,
    }
    found = []
    for server in servers.split(","):
        where = host_and_port(server, _PORT)
        if where is None:
            raise BusUrlError(f"names no Sentinels that can be used; write {_FORM}, an IPv6 address in brackets")
        found.append(RedisUrl(host=where[0], port=where[1], **common))
    if len({its.place for its in found}) < len(found):
        raise BusUrlError("names a Sentinel twice; remove one")
    if len(found) > _MOST:
        raise BusUrlError(f"names more than {_MOST} Sentinels; write those of one primary: {_FORM}")
    return tuple(found)


def _tls(options: Mapping[str, str], *, tls: bool) -> Tls | None:
    """How the Sentinels speak TLS. Where the data servers do too, theirs are the defaults."""
    wanted = options.get(f"{PREFIX}ssl", "true" if tls else "false").lower()
    if wanted not in YES | NO:
        raise BusUrlError(f"has a {PREFIX}ssl that is not known; write {PREFIX}ssl=true or false")
    own = {name.removeprefix(PREFIX): value for name, value in options.items() if name in SENTINEL_TLS_OPTIONS}
    if wanted in NO:
        if own:
            name = f"{PREFIX}{next(iter(own))}"
            raise BusUrlError(f"has the option {name}, which is for TLS; write {PREFIX}ssl=true, or remove it")
        return None
    theirs = {name: value for name, value in options.items() if name in TLS_OPTIONS}
    if "ssl_certfile" in own:
        theirs.pop("ssl_keyfile", None)
    if "ssl_cert_reqs" in own:
        theirs.pop("ssl_check_hostname", None)
    return Tls.parse(theirs | own, PREFIX)

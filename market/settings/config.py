"""``TICKGATE_CONFIG``: a file of settings, beneath the environment. Every program reads the same file.

Each line is one ``NAME=VALUE``. Blank lines and lines that begin with ``#`` are ignored; ``export`` may stand before a
name. White space around a value is not a part of it. There are no quotes, no variables, no continued lines and no
comments behind a value. A line that another reader of such files would take for one of these is refused.

The file may hold secrets, so no message shows a value of it, nor a line that could not be read.
"""

import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from market.settings.environ import SettingError
from market.settings.names import suggestion

CONFIG: Final = "TICKGATE_CONFIG"
"""A file of ``NAME=VALUE`` lines. This variable itself is read from the environment only."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


POLLERS: Final = _names(
    "BUS_URL STORE_URL BUS_PARTITIONS BUS_SYMBOL_CHANNELS SYMBOLS LOG_FORMAT LOG_LEVEL VENUE FEED BINANCE_REST_URL"
    " LOG_LEVELS BINANCE_WS_URL COINBASE_REST_URL COINBASE_WS_URL SIM_TICKS_PER_S SIM_SEED REPLAY_SPEED POLLER_STATS"
    " POLLER_METRICS_HOST POLLER_METRICS_PORT METRICS_SYMBOLS METRICS_TOKEN BUS_PASSWORD_FILE"
    " STORE_PASSWORD_FILE METRICS_TOKEN_FILE"
)
GATEWAYS: Final = _names(
    "BUS_URL STORE_URL SYMBOLS LOG_FORMAT LOG_LEVEL GATEWAY_HOST GATEWAY_PORT GATEWAY_REUSE_PORT GATEWAY_PRIVATE_HOST"
    " GATEWAY_PRIVATE_PORT GATEWAY_TLS_CERT GATEWAY_TLS_KEY GATEWAY_ACCEPT_PROXY HEARTBEAT_S LAG_TIMEOUT_S"
    " DRAIN_SECONDS REST_FACTOR LOG_LEVELS"
    " HISTORY_BYTES AUTH_MODE ALLOW_ANONYMOUS JWT_SECRET JWT_PUBLIC_KEY_FILE JWT_JWKS_URL JWT_FAMILY JWT_ISSUER"
    " JWT_AUDIENCE JWT_LEEWAY_S AUTH_QUERY_TOKEN AUTH_TIMEOUT_S ALLOWED_ORIGINS ALLOWED_HOSTS TRUSTED_PROXIES"
    " FORWARDED_HOPS HANDSHAKE_TIMEOUT_S MAX_HANDSHAKES MAX_CONNECTIONS MAX_CONNECTIONS_PER_IP MAX_CONNECT_RATE_PER_IP"
    " MAX_REQUEST_RATE_PER_IP KEEPALIVE_S METRICS_SYMBOLS METRICS_TOKEN"
    " MAX_CONNECTIONS_PER_SUBJECT MAX_SYMBOLS_PER_CONNECTION MAX_MESSAGES_PER_SECOND"
    " MAX_MESSAGES_PER_SECOND_PER_SUBJECT MAX_MESSAGES_PER_SECOND_PER_IP MAX_MESSAGE_BYTES MAX_ERRORS_PER_CONNECTION"
    " MESSAGE_TIMEOUT_S MAX_BUFFERED_BYTES WS_COMPRESSION BINANCE_COMPAT_HOSTS BINANCE_COMPAT_STALE"
    " BUS_PASSWORD_FILE STORE_PASSWORD_FILE METRICS_TOKEN_FILE JWT_SECRET_FILE"
)
HAPROXYS: Final = _names(
    "TICKGATE_BIND TICKGATE_CERT TICKGATE_TLS_BIND TICKGATE_GATEWAYS TICKGATE_GATEWAY_SLOTS TICKGATE_DNS"
    " TICKGATE_UNREAD_TIMEOUT TICKGATE_GATEWAY_CA TICKGATE_GATEWAY_CERT_NAME"
    " TICKGATE_NAMESERVER TICKGATE_STATS_BIND TICKGATE_ACCEPT_PROXY TICKGATE_TRUSTED_PROXIES TICKGATE_FORWARDED_HOPS"
    " TICKGATE_MAX_CONNECTIONS TICKGATE_MAX_CONNECTIONS_PER_IP TICKGATE_CONNECT_RATE_PER_IP TICKGATE_HARD_STOP_AFTER"
    " TICKGATE_REQUEST_RATE_PER_IP"
) | {f"TICKGATE_GATEWAY_{number}" for number in range(1, 17)}
"""Variables of ``haproxy.cfg``; the launcher passes them to HAProxy."""
FRONT: Final = "FRONT"
"""What ``tickgate cluster`` starts before the gateways: ``haproxy``, ``nginx`` or ``envoy``, or ``direct``:
nothing, gateways share the public port. Unset means ``haproxy``."""
LAUNCHERS: Final = _names("VENUES")
"""The venues whose pollers ``run`` and ``cluster`` start, with commas between them: ``binance,coinbase``. Unset means
the one of ``VENUE``."""
LOCAL_BUS: Final = "BUS"
"""The bus that ``run`` and ``cluster`` start on this machine if ``BUS_URL`` is not set: ``valkey``, one server, which
is the default; ``sentinel``, three servers of which one is the primary, and three Sentinels; ``valkey-cluster``, three
primaries with a replica each, and ``BUS_PARTITIONS`` 6 unless that is set; ``kafka``, one broker of Apache Kafka and a
Valkey as its store (it needs Java)."""
PROXIES: Final = _names("HTTPS_PROXY HTTP_PROXY NO_PROXY")
"""An HTTP proxy for connections to the exchange, streams too (``wss://`` by ``HTTPS_PROXY``), and to ``JWT_JWKS_URL``,
with ``user:password@`` if it needs one; ``NO_PROXY`` names hosts without a proxy. Lower case works too. This
machine's own addresses are reached directly."""
SECRET_FILES: Final = {
    "BUS_PASSWORD_FILE": (
        "A file with the password of `BUS_URL`, on one line. It is read for each connection: one that has changed is"
        " used from the next connection on, and those that are open stay."
    ),
    "STORE_PASSWORD_FILE": "The same for `STORE_URL`.",
    "METRICS_TOKEN_FILE": "A file with `METRICS_TOKEN`, on one line; read again on SIGHUP.",
    "JWT_SECRET_FILE": "A file with `JWT_SECRET`, on one line; read again on SIGHUP. Tokens of the old one end then.",
}
"""Variables that name the file of a secret, in place of the secret."""
KNOWN: Final = POLLERS | GATEWAYS | HAPROXYS | LAUNCHERS | {LOCAL_BUS, FRONT} | PROXIES
"""All names that the file may have. All programs share it, so it may have names that only another program reads."""

_MAX_BYTES: Final = 1024 * 1024
_LINE: Final = re.compile(r"(?:export[ \t]+)?([A-Z][A-Z0-9_]*)=(.*)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_PATH: Final = 200
_LONGEST_NAME: Final = 40
"""A longer name is not shown: it may be a part of a secret that looks like a name."""


class Entry(Struct, frozen=True):
    """The value of one variable in the file, and its line."""

    value: str
    line: int

    def __repr__(self) -> str:
        """Without the value, which may be a secret."""
        return f"Entry(line={self.line}, …)"


@contextmanager
def layered(environ: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """``environ`` above the file that it names, if it names one, for reading settings within the block.

    An error about a value of the file, raised within the block, leaves it with the place added.

    Raises:
        SettingError: the file cannot be used.
    """
    entries = read_config(environ)
    try:
        yield {name: entry.value for name, entry in entries.items()} | dict(environ)
    except SettingError as error:
        if place := place_of(error, environ, entries):
            raise SettingError(f"{error} ({place})") from None
        raise


def place_of(error: SettingError, environ: Mapping[str, str], entries: Mapping[str, Entry]) -> str:
    """File and line of the value that ``error`` is about; empty if it is not the file's."""
    name = str(error).partition(" ")[0]
    return _place(environ[CONFIG], entries[name].line) if name in entries and name not in environ else ""


def read_config(environ: Mapping[str, str]) -> dict[str, Entry]:
    """The values of the file that ``environ`` names; empty if it names none.

    Raises:
        SettingError: the file cannot be read, or a line of it cannot be used; the message names both.
    """
    path = environ.get(CONFIG)
    return {} if path is None else parse_config(_read(path), path)


def parse_config(content: bytes, path: str) -> dict[str, Entry]:
    """Read the ``content`` of a file; its ``path`` is for messages.

    Raises:
        SettingError: the first line that cannot be used.
    """
    entries, problems = _parse(content, path)
    if problems:
        raise problems[0]
    return entries


def read_usable(environ: Mapping[str, str]) -> tuple[dict[str, Entry], list[SettingError]]:
    """The values of the file that ``environ`` names, as far as they can be used, and what is wrong with the others."""
    path = environ.get(CONFIG)
    try:
        return ({}, []) if path is None else _parse(_read(path), path)
    except SettingError as error:
        return {}, [error]


def _parse(content: bytes, path: str) -> tuple[dict[str, Entry], list[SettingError]]:
    entries: dict[str, Entry] = {}
    problems: list[SettingError] = []
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            if named := _named(raw, _place(path, number), entries):
                entries[named[0]] = Entry(named[1], number)
        except SettingError as error:
            problems.append(error)
    return entries, problems


def _named(raw: bytes, place: str, entries: Mapping[str, Entry]) -> tuple[str, str] | None:
    """Name and value of a line; None if it has none. ``entries`` are those before it."""
    try:
        line = raw.decode().strip()
    except UnicodeDecodeError:
        raise SettingError(f"{place} is not UTF-8 text") from None
    if not line or line.startswith("#"):
        return None
    match = _LINE.fullmatch(line)
    if _CONTROL.search(line) or match is None or len(match[1]) > _LONGEST_NAME:
        raise SettingError(f"{place} is not NAME=VALUE; begin it with # if it is a comment")
    name, value = match[1], match[2].strip()
    if name == CONFIG:
        raise SettingError(f"{place} names {CONFIG}; that is for the environment")
    if name not in KNOWN:
        raise SettingError(f"{place} names {name}, which is no setting; {suggestion(name, KNOWN)}")
    if name in entries:
        raise SettingError(f"{place} names {name} again, after line {entries[name].line}; remove one")
    if value[:1] in ("'", '"'):
        raise SettingError(f"{place} has {name} in quotes; write the value without them")
    if value.startswith("#") or re.search(r"\s#", value):
        raise SettingError(f"{place} has a # behind {name}; give the comment a line of its own")
    return name, value


def _read(path: str) -> bytes:
    try:
        # Reading another kind of file could block for ever, or work only once.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise SettingError(f"{CONFIG} {_shown(path)} is not a file; name one")
        with Path(path).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, SettingError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingError(f"{CONFIG} {_shown(path)} cannot be read ({reason}); name a readable file") from None
    if len(content) > _MAX_BYTES:
        raise SettingError(f"{CONFIG} {_shown(path)} is larger than {_MAX_BYTES} bytes; that is no file of settings")
    return content


def _shown(path: str) -> str:
    # The end of a long path says more.
    return repr(path if len(path) <= _LONGEST_PATH else "…" + path[-_LONGEST_PATH:])


def _place(path: str, line: int) -> str:
    return f"{CONFIG} {_shown(path)}, line {line}"

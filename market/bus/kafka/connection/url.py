"""The URL of a Kafka cluster: what it may contain, and what is refused.

``kafka://[user:password@]host:port[,host:port…][/prefix][?option=value&…]``. A message shows no part of the URL except
the name of an option: any other part may belong to a password.
"""

import re
from typing import Any, Final
from urllib.parse import unquote

from msgspec import Struct

from market.bus.errors import BusUrlError
from market.bus.redis.connection.tls import TLS_OPTIONS, Tls
from market.bus.redis.connection.url_parts import password_file
from market.bus.secret_file import read_secret

SASL: Final = {"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"}
"""``sasl=`` in the URL → the mechanism's name."""
OPTIONS: Final = ("client_id", "create", "password_file", "replication", "retention_s", "sasl", "tls", *TLS_OPTIONS)

_LIKE: Final = "write kafka://host:port,host:port/prefix"
_SERVER: Final = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_SWITCH: Final = {"true": True, "1": True, "false": False, "0": False}
_DEFAULT_PORT: Final = 9092


class KafkaUrl(Struct, frozen=True, kw_only=True):
    """Where a cluster is, and our credentials for it. It never shows the password."""

    servers: tuple[str, ...]
    """``host:port`` of some brokers; they name the others."""
    prefix: str = ""
    """Begins the names of the topics, and of what is fenced; with a dot at its end, or empty."""
    username: str = ""
    password: str = ""
    password_file: str = ""
    """A file of the password, in place of it, that is read for each client of librdkafka."""
    sasl: str = ""
    """The mechanism; empty for none."""
    tls: Tls | None = None
    create: bool = True
    """Whether a publisher creates topics that are missing."""
    replication: int = -1
    """The replication factor of the topics that we create; -1 is the brokers' own default."""
    retention_s: int = 3_600
    """How long the topic ``ticks`` keeps records, where we create it."""
    client_id: str = "tickgate"

    def __repr__(self) -> str:
        """Without user and password."""
        return f"KafkaUrl({self.place!r}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for printing with rich."""
        return [("place", self.place)]

    @property
    def place(self) -> str:
        """Where the brokers are, and the prefix."""
        return ",".join(self.servers) + (f"/{self.prefix.removesuffix('.')}" if self.prefix else "")

    @property
    def ticks(self) -> str:
        """The topic of everything that is published."""
        return f"{self.prefix}ticks"

    @property
    def last(self) -> str:
        """The topic of last values."""
        return f"{self.prefix}last"

    def config(self) -> dict[str, Any]:
        """The part of librdkafka's configuration that says how to connect.

        Raises:
            SecretFileError: the file of the password cannot be read.
        """
        config: dict[str, Any] = {"bootstrap.servers": ",".join(self.servers), "client.id": self.client_id}
        if self.sasl:
            password = read_secret(self.password_file) if self.password_file else self.password
            config |= {"sasl.mechanism": self.sasl, "sasl.username": self.username, "sasl.password": password}
        config["security.protocol"] = f"{'SASL_' if self.sasl else ''}{'PLAINTEXT' if self.tls is None else 'SSL'}"
        if self.tls is not None:
            config["enable.ssl.certificate.verification"] = self.tls.verify
            config["ssl.endpoint.identification.algorithm"] = "https" if self.tls.check_hostname else "none"
            files = {
                "ssl.ca.location": self.tls.ca_certs,
                "ssl.certificate.location": self.tls.certfile,
                "ssl.key.location": self.tls.keyfile or self.tls.certfile,
            }
            config |= {name: path for name, path in files.items() if path is not None}
        return config


def parse_kafka_url(url: str) -> KafkaUrl:
    """Read a URL that begins with ``kafka://``.

    Raises:
        BusUrlError: the URL, or a part of it, cannot be read. No secret is in the message.
    """
    if not url.isprintable() or " " in url:
        raise BusUrlError("holds white space or a control character; percent-encode it (a blank is %20)")
    if re.search("%(?![0-9A-Fa-f]{2})", url):
        raise BusUrlError("has a % that no two hexadecimal digits follow; write a % in a password as %25")
    rest = url.partition("://")[2]
    match = re.fullmatch(r"(?:([^/?#@]*)@)?([^/?#@]*)(?:/([^/?#@]*))?(?:\?([^?#@]*))?", rest)
    if match is None:
        raise BusUrlError(f"cannot be read; {_LIKE}, with / ? # @ in user and password as %2F %3F %23 %40")
    userinfo, places, prefix, query = (match[number] or "" for number in range(1, 5))
    options = _options(query)
    username, _, password = userinfo.partition(":")
    tls = _switch(options, "tls", default=False)
    if not tls and (named := next((name for name in TLS_OPTIONS if name in options), None)):
        raise BusUrlError(f"has the option {named}, which is for TLS; add tls=true, or remove it")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise BusUrlError(f"has a prefix that no topic can begin with; {_LIKE}, with letters, digits, - and _ in it")
    if not _CLIENT_ID.fullmatch(options.get("client_id", "tickgate")):
        raise BusUrlError("has a client_id that no broker takes; use letters, digits, dots, - and _")
    return KafkaUrl(
        servers=tuple(map(_server, places.split(","))),
        prefix=f"{prefix}." if prefix else "",
        username=unquote(username),
        password=unquote(password),
        password_file=password_file(options, password),
        sasl=_sasl(
            options, has_user=bool(username and (password or options.get("password_file"))), has_any=bool(userinfo)
        ),
        tls=Tls.parse(options) if tls else None,
        create=_switch(options, "create", default=True),
        replication=_number(options, "replication", -1, 1, 100),
        retention_s=_number(options, "retention_s", 3_600, 60, 31_536_000),
        client_id=options.get("client_id", "tickgate"),
    )


def _server(text: str) -> str:
    match = _SERVER.fullmatch(text)
    port = int(match[2] or _DEFAULT_PORT) if match else 0
    if match is None or not 1 <= port <= 65_535:
        raise BusUrlError(f"names no hosts and ports that can be used; {_LIKE}, an IPv6 address in brackets")
    return f"{match[1]}:{port}"


def _sasl(options: dict[str, str], *, has_user: bool, has_any: bool) -> str:
    wanted = options.get("sasl")
    if wanted is None:
        if has_any:
            raise BusUrlError(f"has a user, and no sasl; add sasl= and one of {', '.join(SASL)}")
        return ""
    if wanted.lower() not in SASL:
        raise BusUrlError(f"has a sasl that is not known; write sasl= and one of {', '.join(SASL)}")
    if not has_user:
        raise BusUrlError("has sasl without user and password; write kafka://user:password@host:port")
    return SASL[wanted.lower()]


def _options(query: str) -> dict[str, str]:
    """Name -> value, each of them known and given once."""
    options: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if not re.fullmatch("[A-Za-z0-9_.-]{1,40}", name):
            raise BusUrlError(f"has an option that is not NAME=VALUE; {_LIKE}?NAME=VALUE&NAME=VALUE")
        if name not in OPTIONS:
            raise BusUrlError(f"has the option {name}, which is not known; remove it (known are {', '.join(OPTIONS)})")
        if name in options:
            raise BusUrlError(f"has the option {name} twice; remove one")
        if not value:
            raise BusUrlError(f"has the option {name} without a value; write {name}=VALUE, or remove it")
        options[name] = unquote(value)
    return options


def _switch(options: dict[str, str], name: str, *, default: bool) -> bool:
    value = options.get(name)
    if value is None:
        return default
    if value.lower() not in _SWITCH:
        raise BusUrlError(f"has a {name} that is not known; write {name}=true or false")
    return _SWITCH[value.lower()]


def _number(options: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    value = options.get(name)
    if value is None:
        return default
    if not re.fullmatch("[0-9]{1,10}", value) or not least <= int(value) <= most:
        raise BusUrlError(f"has a {name} that is no whole number from {least} to {most}")
    return int(value)

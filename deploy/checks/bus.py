"""The server that ``BUS_URL`` names, or ``STORE_URL`` beside Kafka.

Reached, which one, its role, what our user may do, and what it may forget.
"""

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from deploy.buses.valkey import valkey_server
from deploy.checks.cluster import check_cluster
from deploy.checks.finding import Finding
from deploy.checks.kafka import check_kafka, no_store
from deploy.checks.rights import Need, Program, needs, store_needs
from deploy.checks.rights_asked import check_replicas, check_rights
from deploy.checks.sentinels import ask_sentinels
from deploy.errors import DeployError
from gateway.settings import Settings
from market.bus import BusDownError
from market.bus.redis.connection.client import RedisClient
from market.bus.redis.connection.sentinel.url import parse_sentinel_url
from market.bus.redis.connection.url import RedisUrl, parse_redis_url
from poller.settings import PollerSettings

_OLDEST: Final = (6, 2)
_NO_EVICTION: Final = "noeviction"
_NOT_ASKED: Final = Finding(
    "warning", "rights", "Kafka is not asked what its user may do; docs/kafka.md has what each program needs there"
)
_ELSEWHERE: Final = (
    "is it running there, and may this machine reach it? If the Sentinels should name another address, let the servers"
    " announce it (replica-announce-ip, replica-announce-port)"
)


async def check_bus(
    variables: Mapping[str, str],
    pollers: Sequence[PollerSettings],
    gateway: Settings | None,
    program: Program | None = None,
) -> list[Finding]:
    """Ask the server, as our user; nothing is written to it or published on it.

    Of rights, those of one ``program`` are asked for, or those of poller and gateway.
    """
    settings = gateway or next(iter(pollers), None)
    if settings is None or settings.bus_url != variables.get("BUS_URL", settings.bus_url):
        return [Finding("warning", "bus", "was not asked: BUS_URL cannot be used")]
    if urlsplit(settings.bus_url).scheme == "memory":
        text = "memory:// reaches no other process: poller and gateway would not hear of each other"
        return [Finding("warning", "bus", text, "write redis://[user:password@]host:port/db, or leave BUS_URL unset")]
    if urlsplit(settings.bus_url).scheme == "kafka":
        found, store = await asyncio.gather(
            check_kafka(settings.bus_url, pollers), _check_store(settings.store_url, pollers, gateway, program)
        )
        return [*found, *store, *([_NOT_ASKED] if program else ())]
    if urlsplit(settings.bus_url).scheme.endswith("+cluster"):
        return await check_cluster(settings.bus_url, pollers, program)
    wanted = needs(pollers, gateway, program)
    return await _check_redis(settings.bus_url, wanted, program, given="BUS_URL" in variables)


async def _check_store(
    store_url: str, pollers: Sequence[PollerSettings], gateway: Settings | None, program: Program | None
) -> list[Finding]:
    """The Redis that has what Kafka has not."""
    if not store_url and program is not None:
        return []
    if not store_url:
        return list(no_store(pollers, auth=gateway is not None and gateway.auth.mode != "none"))
    if urlsplit(store_url).scheme.endswith("+cluster"):
        # Its partitions are those of prices, which are not there.
        found = [its for its in await check_cluster(store_url, [], program) if its.subject != "partitions"]
    else:
        found = await _check_redis(store_url, store_needs(pollers, gateway, program), program, given=True)
    return [_of_store(its) for its in found]


def _of_store(finding: Finding) -> Finding:
    """What was said as of a bus."""
    text, fix = (words.replace("BUS_URL", "STORE_URL") for words in (finding.text, finding.fix))
    where = "at the store, " if finding.subject == "rights" else ""
    return replace(finding, subject="store", text=f"{where}{text}", fix=fix)


async def _check_redis(bus_url: str, wanted: list[Need], program: Program | None, *, given: bool) -> list[Finding]:
    """One server, or the one that Sentinels name."""
    if not wanted:
        return [Finding("wrong", "rights", f"were not asked: the settings of a {program} cannot be used")]
    if urlsplit(bus_url).scheme.endswith("+sentinel"):
        return await _check_behind_sentinels(bus_url, wanted, program)
    client = RedisClient(bus_url, redial_s=60)
    return await _check_server(client, client.name, parse_redis_url(bus_url), wanted, program, given=given)


async def _check_behind_sentinels(bus_url: str, wanted: list[Need], program: Program | None) -> list[Finding]:
    url = parse_sentinel_url(bus_url)
    its = await ask_sentinels(url)
    if its.verdict is None:
        return its.findings
    address = its.verdict.addresses[0]
    name = f"primary {address} db {url.server.db}"
    client = RedisClient(bus_url, redial_s=60)
    found = await _check_server(client, name, url.at(address), wanted, program, given=True)
    found = [replace(its, fix=_ELSEWHERE) if "cannot be reached" in its.text else its for its in found]
    replicas = [replica for replica in its.replicas if replica != address]
    return [*its.findings, *found, *await check_replicas(url, replicas, wanted, program)]


async def _check_server(
    client: RedisClient, name: str, url: RedisUrl, wanted: list[Need], program: Program | None, *, given: bool
) -> list[Finding]:
    findings: list[Finding] = []
    try:
        async for finding in _ask(client, name, url, wanted, program):
            findings.append(finding)  # noqa: PERF401 - those before an error count
    except BusDownError as error:
        findings.append(_not_reached(str(error), name, given=given))
    finally:
        await client.aclose()
    return findings


async def _ask(
    client: RedisClient, called: str, url: RedisUrl, wanted: list[Need], program: Program | None
) -> AsyncIterator[Finding]:
    user = url.username or "default"
    hello = _pairs(await client.ask("HELLO"))
    # A user may be denied INFO.
    told = await _info(client)
    name, version = _server(hello, told)
    mode, role = hello.get("mode", "standalone"), hello.get("role", "master")
    what = f"{called}: {name} {version}"
    if mode != "standalone":
        text = f"{what} is a {'Sentinel' if mode == 'sentinel' else 'node of a cluster'}, which cannot carry prices"
        yield Finding("wrong", "bus", text, "name a server that stands alone in BUS_URL, or a Sentinel's primary")
        return
    if role != "master":
        primary = f", of {told['master_host']}:{told.get('master_port', '6379')}" if "master_host" in told else ""
        text = f"{what} is a replica{primary}; it takes no writes"
        yield Finding("wrong", "bus", text, "name the primary in BUS_URL")
        return
    if (number := _number(version)) and number < _OLDEST:
        yield Finding("wrong", "bus", f"{what} is too old", "use Redis 6.2 or newer, or Valkey")
        return
    way = "" if url.tls is None else ", over TLS"
    yield Finding("ok", "bus", f"{what} is reached{way}, as user {user}; it is a primary")
    if url.tls is not None and not (url.tls.verify and url.tls.check_hostname):
        text = "its certificate is not checked, or not for its name: whoever is between could read and change all"
        yield Finding("warning", "bus", text, "leave ssl_cert_reqs and ssl_check_hostname out, name ssl_ca_certs")
    async for finding in check_rights(client, user, wanted, program):
        yield finding
    for finding in _memory(told):
        yield finding


def _memory(told: Mapping[str, str]) -> Iterator[Finding]:
    policy = told.get("maxmemory_policy", _NO_EVICTION)
    if told.get("maxmemory", "0") == "0":
        return
    if policy != _NO_EVICTION:
        text = f"maxmemory-policy {policy} may drop last prices, leases and tickets when memory is full"
        yield Finding("warning", "bus", text, f"CONFIG SET maxmemory-policy {_NO_EVICTION}, or a server for this alone")
    if told.get("used_memory", "0").isdecimal() and int(told["used_memory"]) > 0.9 * int(told["maxmemory"]):
        text = f"{told['used_memory']} of {told['maxmemory']} bytes of maxmemory are used"
        yield Finding("warning", "bus", text, "raise maxmemory, or remove what is not needed")


def _not_reached(reason: str, name: str, *, given: bool) -> Finding:
    text, _, fix = _plain(reason, name).rpartition("; ")
    text, fix = (text, fix) if text else (fix, _fix(fix))
    if given:
        at = "" if name.split()[1] in text else f"{name}: "
        return Finding("wrong", "bus", f"{at}{text}", fix)
    nobody = text.endswith(os.strerror(errno.ECONNREFUSED))
    at_default = f"nothing runs at its default, {name.split()[1]}" if nobody else f"of its default: {text}"
    unset = f"BUS_URL is not set; {at_default}"
    try:
        valkey_server()
    except DeployError:
        return Finding("wrong", "bus", unset, "set BUS_URL, or pip install 'tickgate[embedded]'")
    alone = "a poller or gateway that is started alone needs a BUS_URL"
    return Finding("ok", "bus", f"{unset}. tickgate run and tickgate cluster start a Valkey of their own; {alone}")


def _fix(text: str) -> str:
    """What helps against what a server, or the system, has said without saying that."""
    if match := re.search(r"User (\S+) has no permissions to run the '([a-z|]+)' command", text):
        return f"ACL SETUSER {match[1]} +{match[2]}"
    if "max number of clients" in text:
        return "raise its maxclients, or see who else is connected (CLIENT LIST)"
    return "is it running there, and may this machine reach it? See BUS_URL" if "cannot be" in text else "see BUS_URL"


def _plain(reason: str, name: str) -> str:
    """``reason`` in the system's words alone, where it is a connection that was not made."""
    if (match := re.match(r"Error (-?[0-9]+) connecting to \S+ (.*)", reason)) is not None:
        why = os.strerror(int(match[1])) if int(match[1]) > 0 else match[2].rstrip(".")
    elif "Connect call failed" in reason or reason.startswith("Multiple exceptions"):
        number = re.search(r"Errno ([0-9]+)", reason)
        why = os.strerror(int(number[1])) if number else "no connection could be made"
    else:
        return reason
    return f"{name} cannot be reached: {why}"


async def _info(client: RedisClient) -> dict[str, str]:
    """``INFO`` by field; empty where we may not ask."""
    try:
        text = (await client.ask("INFO")).decode(errors="replace")
    except BusDownError as error:
        if "NOPERM" not in str(error):
            raise
        return {}
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


def _server(hello: Mapping[str, str], told: Mapping[str, str]) -> tuple[str, str]:
    if "valkey_version" in told:
        return "Valkey", told["valkey_version"]
    name = hello.get("server", "redis")
    return {"redis": "Redis", "valkey": "Valkey"}.get(name, name), hello.get("version", "of an unknown version")


def _number(version: str) -> tuple[int, ...]:
    match = re.match(r"([0-9]+)\.([0-9]+)", version)
    return tuple(map(int, match.groups())) if match else ()


def _pairs(words: Any) -> dict[str, str]:
    def text(word: Any) -> str:
        return word.decode(errors="replace") if isinstance(word, bytes) else str(word)

    flat = words if isinstance(words, list) else []
    return {text(name): text(value) for name, value in zip(flat[::2], flat[1::2], strict=False)}

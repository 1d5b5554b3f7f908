"""The cluster that ``BUS_URL`` names: which nodes it has, whether each can be used, and where the partitions lie."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from deploy.checks.cluster_rights import lacking_rights, rights_of
from deploy.checks.finding import Finding, split
from deploy.checks.rights import Program
from market.bus import BusDownError
from market.bus.redis.cluster.connection.client import ClusterClient
from market.bus.redis.cluster.connection.slots import SLOTS, SlotMap, read_slots, slot_of
from market.bus.redis.cluster.connection.url import Address, parse_cluster_url
from market.bus.redis.cluster.roles.layout import partition_key, partitions_in_use
from market.bus.redis.connection.commands import command, encoded
from market.bus.redis.connection.dial import ANSWER_TIMEOUT_S, FAULTS
from poller.publishing.leadership import TTL_S
from poller.settings import PollerSettings

_OLDEST: Final = 7
"""Redis 7.0 has sharded pub/sub."""
_SLOW_FAILOVER_MS: Final = 5_000
_EARLY_FAILOVER_MS: Final = round(TTL_S * 1_000)
"""A node that was frozen refuses what an earlier leader sent to it only when that one's term has ended by its clock."""


class _Node(Struct):
    """What one node says."""

    address: Address
    slots: SlotMap | None = None
    info: dict[str, str] = {}
    fault: str = ""
    """Why it cannot be used."""
    lacking: str = ""
    """What our user may not do there."""


async def check_cluster(
    bus_url: str, pollers: Sequence[PollerSettings], program: Program | None = None
) -> list[Finding]:
    """Ask every node, as our user; nothing is written to it or published on it.

    Of rights, those of one ``program`` are asked for, or those of poller and gateway.
    """
    url = parse_cluster_url(bus_url)
    client = ClusterClient(bus_url)
    try:
        nodes = {node.address: node for node in await _ask_all(client, url.addresses, program)}
        known = {address for node in nodes.values() if node.slots is not None for address in node.slots.nodes}
        nodes |= {node.address: node for node in await _ask_all(client, sorted(known - nodes.keys()), program)}
        user = url.nodes[0].username or "default"
        findings = list(_reached(nodes, user, tls=url.nodes[0].tls is not None))
        findings += rights_of({its.address: its.lacking for its in nodes.values() if its.slots}, user, program)
        # Who only gives orders does not read prices.
        if program != "operator" and not any(finding.mark == "wrong" for finding in findings):
            findings += await _partitions(client, nodes, pollers)
    finally:
        await client.aclose()
    if url.nodes[0].tls is not None and not (url.nodes[0].tls.verify and url.nodes[0].tls.check_hostname):
        text = "the nodes' certificates are not checked, or not for their names: whoever is between could change all"
        findings.append(
            Finding("warning", "bus", text, "leave ssl_cert_reqs and ssl_check_hostname out, name ssl_ca_certs")
        )
    return findings


async def _ask_all(client: ClusterClient, addresses: Sequence[Address], program: Program | None) -> list[_Node]:
    return list(await asyncio.gather(*(_ask(client, address, program) for address in addresses)))


async def _ask(client: ClusterClient, address: Address, program: Program | None) -> _Node:
    node = _Node(address)

    async def ask(*words: str | bytes) -> Any:
        pipe = await client.nodes.pipes.get(address)
        return await pipe.execute(command(*map(encoded, words)))

    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            cluster = _fields(await ask("CLUSTER", "INFO"))
            node.slots = read_slots(
                await ask("CLUSTER", "SLOTS"), int(cluster.get("cluster_current_epoch", 0)), address
            )
            node.info = (
                cluster
                | _fields(await _allowed(ask("INFO")))
                | _pairs(await _allowed(ask("CONFIG", "GET", "cluster-node-timeout")))
            )
            node.lacking = await lacking_rights(ask, program)
    except TimeoutError:
        node.fault = f"{address} did not answer in time; is it overloaded, or stopped?"
    except FAULTS as error:
        said = str(error)
        if "cluster support disabled" in said:
            said = f"{address} is no node of a cluster; write redis://{address}/0, or start it with cluster-enabled yes"
        node.fault = said if str(address) in said else f"{address}: {said}"
    return node


def _reached(nodes: dict[Address, _Node], user: str, *, tls: bool) -> Iterator[Finding]:
    answers = [node for node in nodes.values() if node.slots is not None]
    faults = [split("bus", node.fault, "warning" if answers else "wrong") for node in nodes.values() if node.fault]
    if not answers:
        yield from faults
        return
    newest = max(answers, key=lambda node: node.slots.epoch if node.slots is not None else 0)
    slots = newest.slots
    assert slots is not None
    primaries = set(slots.owners)
    covered = sum(last - first + 1 for first, last in zip(slots.first, slots.last, strict=True))
    what = f"cluster of {len(primaries)} primaries and {len(slots.nodes) - len(primaries)} replicas"
    if covered < SLOTS:
        text = f"the {what} serves {covered} of {SLOTS} slots"
        yield Finding("wrong", "bus", text, "give every slot a node (CLUSTER ADDSLOTSRANGE), or start the node it had")
    elif newest.info.get("cluster_state") != "ok":
        fix = "see CLUSTER NODES for the nodes that fail, and start them"
        yield Finding("wrong", "bus", f"the {what} is down, by the word of {newest.address}", fix)
    elif old := [node for node in answers if _version(node.info) < _OLDEST]:
        text = f"{old[0].address} of the {what} is too old for sharded pub/sub"
        yield Finding("wrong", "bus", text, "use Redis 7.0 or newer, or Valkey, on all nodes")
    else:
        version = newest.info.get("valkey_version")
        server = (
            f"Valkey {version}" if version else f"Redis {newest.info.get('redis_version', 'of an unknown version')}"
        )
        way = ", over TLS" if tls else ""
        yield Finding("ok", "bus", f"{server}: the {what} is reached{way}, as user {user}")
    yield from faults
    if len(slots.nodes) < 2 * len(primaries):
        text = "not every primary has a replica: if one of the others fails, prices stop"
        yield Finding("warning", "bus", text, "add replicas (CLUSTER REPLICATE)")
    timeouts = [int(told) for node in answers if (told := node.info.get("cluster-node-timeout", "")).isdecimal()]
    if timeouts and max(timeouts) > _SLOW_FAILOVER_MS:
        text = f"a replica takes over after {max(timeouts) / 1000:g} s at the earliest, and prices are stale until then"
        yield Finding("warning", "bus", text, "set cluster-node-timeout to 2000 or so on all nodes")
    if timeouts and min(timeouts) < _EARLY_FAILOVER_MS:
        text = f"a replica may take over after {min(timeouts) / 1000:g} s, before a poller's term has ended"
        yield Finding("warning", "bus", text, f"set cluster-node-timeout to {_EARLY_FAILOVER_MS} or more on all nodes")
    for node in answers:
        policy = node.info.get("maxmemory_policy", "noeviction")
        if node.info.get("maxmemory", "0") != "0" and policy != "noeviction":
            text = f"maxmemory-policy {policy} of {node.address} may drop last prices and leases when memory is full"
            yield Finding("warning", "bus", text, "CONFIG SET maxmemory-policy noeviction")


async def _partitions(
    client: ClusterClient, nodes: dict[Address, _Node], pollers: Sequence[PollerSettings]
) -> list[Finding]:
    wanted = sorted({poller.bus_partitions for poller in pollers})
    try:
        used = await partitions_in_use(client, 0)
    except BusDownError as error:
        return [Finding("warning", "partitions", str(error))]
    if len(wanted) > 1:
        text = f"the pollers are to publish in {' and '.join(map(str, wanted))} partitions"
        return [Finding("wrong", "partitions", text, "set the same BUS_PARTITIONS for all")]
    number = wanted[0] if wanted else used or 1
    primaries = {address for node in nodes.values() if node.slots is not None for address in node.slots.owners}
    owners = Counter(client.topology.owner(slot_of(partition_key(its).encode())) for its in range(number))
    spread = ", ".join(f"{count} on {owner}" for owner, count in sorted(owners.items(), key=str))
    findings = [Finding("ok", "partitions", f"{number} partition{'' if number == 1 else 's'}: {spread}")]
    if len(owners) < len(primaries):
        text = f"{len(primaries) - len(owners)} of {len(primaries)} primaries have no partition"
        findings.append(Finding("warning", "partitions", text, f"set BUS_PARTITIONS to {2 * len(primaries)} or more"))
    if used and wanted and used != number:
        text = f"the poller that leads publishes in {used} partitions"
        findings.append(Finding("warning", "partitions", text, "restart all pollers with the same BUS_PARTITIONS"))
    return findings


async def _allowed(answering: Any) -> Any:
    """The answer; empty where we may not ask."""
    try:
        return await answering
    except FAULTS as error:
        if "NOPERM" not in str(error):
            raise
        return b""


def _fields(text: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.decode(errors="replace").splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


def _pairs(words: Any) -> dict[str, str]:
    flat = [word.decode(errors="replace") for word in words] if isinstance(words, list) else []
    return dict(zip(flat[::2], flat[1::2], strict=False))


def _version(info: dict[str, str]) -> int:
    number = info.get("redis_version", "").partition(".")[0]
    return int(number) if number.isdecimal() else _OLDEST

"""What is said of a cluster."""

import asyncio

import pytest

from deploy.checks.bus import check_bus
from deploy.checks.finding import Finding
from deploy.ports import free_port
from gateway.settings import Settings
from market.bus import Batch, BusOptions, open_bus
from poller.settings import PollerSettings
from tests.valkey import Valkey
from tests.valkey_cluster import NEVER_MS, ValkeyCluster

FAST = {"BUS_PARTITIONS": "6"}


async def found(url: str, **variables: str) -> list[Finding]:
    """What is found with these variables."""
    environ = {"BUS_URL": url, **FAST, **variables}
    return await check_bus(environ, [PollerSettings.from_environ(environ)], Settings.from_environ(environ))


def texts(findings: list[Finding], mark: str) -> list[str]:
    """What is found of one kind."""
    return [f"{its.text}; {its.fix}" for its in findings if its.mark == mark]


async def test_a_cluster_that_is_in_order(valkey_cluster: ValkeyCluster) -> None:
    """Its nodes, our user's rights and the places of the partitions are told, and nothing is changed."""
    for node in valkey_cluster.nodes:
        node.command("CONFIG", "SET", "cluster-node-timeout", 2000)
    try:
        findings = await found(valkey_cluster.url)
    finally:
        for node in valkey_cluster.nodes:
            node.command("CONFIG", "SET", "cluster-node-timeout", NEVER_MS)
    assert ["ok"] * 3 == [its.mark for its in findings], findings
    assert "cluster of 3 primaries and 3 replicas is reached, as user default" in findings[0].text
    assert findings[2].text.startswith("6 partitions: 2 on 127.0.0.1:")
    assert [0, 0, 0] == [node.command("DBSIZE") for node in valkey_cluster.nodes[:3]]


async def test_what_is_slow_or_uneven_is_warned_of(valkey_cluster: ValkeyCluster) -> None:
    """A long node timeout, primaries without a partition, and another number in use are told with the fix."""
    bus = open_bus(valkey_cluster.url, BusOptions(partitions=4))
    await bus.broker.publish(Batch(barrier=("b.all", b"!")))
    await bus.aclose()
    warnings = texts(await found(valkey_cluster.url, BUS_PARTITIONS="1"), "warning")
    assert any("takes over after 60 s" in text and "cluster-node-timeout" in text for text in warnings)
    assert any("2 of 3 primaries have no partition; set BUS_PARTITIONS to 6" in text for text in warnings)
    assert any("publishes in 4 partitions" in text for text in warnings)


async def test_a_failover_that_is_too_early(valkey_cluster: ValkeyCluster) -> None:
    """A node timeout below a poller's term is told: a late publish could come through."""
    for node in valkey_cluster.nodes:
        node.command("CONFIG", "SET", "cluster-node-timeout", 1000)
    try:
        warnings = texts(await found(valkey_cluster.url), "warning")
    finally:
        for node in valkey_cluster.nodes:
            node.command("CONFIG", "SET", "cluster-node-timeout", NEVER_MS)
    assert [
        "a replica may take over after 1 s, before a poller's term has ended; set cluster-node-timeout to 2000"
    ] == [text.partition(" or more")[0] for text in warnings]


async def test_memory_that_forgets(valkey_cluster: ValkeyCluster) -> None:
    """A node that may drop what it has is named."""
    node = valkey_cluster.nodes[1]
    node.command("CONFIG", "SET", "maxmemory", 1 << 30)
    node.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        warnings = texts(await found(valkey_cluster.url), "warning")
    finally:
        node.command("CONFIG", "SET", "maxmemory", 0)
        node.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert any(f"allkeys-lru of 127.0.0.1:{node.port}" in text for text in warnings)


async def test_rights_on_every_node(valkey_cluster: ValkeyCluster) -> None:
    """What a user may not do is told once, and the rule that is proposed is enough."""
    for node in valkey_cluster.nodes:
        node.command("ACL", "SETUSER", "narrow", "reset", "on", ">sesame", "+eval", "+cluster|slots", "+cluster|info")
    url = valkey_cluster.url.replace("://", "://narrow:sesame@")
    try:
        (finding,) = [its for its in await found(url) if its.subject == "rights"]
        assert "wrong" == finding.mark
        assert (
            "on every node user narrow may not do what poller and gateway need: TYPE on key {tickgate:0}"
            in finding.text
        )
        rule = finding.fix.partition("ACL ")[2].split()
        for node in valkey_cluster.nodes[1:]:
            node.command("ACL", *rule)
        (finding,) = [its for its in await found(url) if its.subject == "rights"]
        assert f"on 127.0.0.1:{valkey_cluster.nodes[0].port} user narrow" in finding.text
        valkey_cluster.nodes[0].command("ACL", *rule)
        assert [] == texts(await found(url), "wrong")
        bus = open_bus(url, BusOptions(partitions=6))
        token = await bus.leadership.acquire("test", "we", 30)
        link = await bus.broker.subscribe(["3#b", "a.1"], print)
        await bus.broker.publish(Batch([("a.1", b"1")], events=[("3#b", b"1")], barrier=("b.all", b"!")), token=token)
        assert {"a.1": b"1"} == await bus.last_values.read_all("a.", max_bytes=9)
        await bus.leadership.stand_by("test", "we", 30)
        assert "we" == await bus.leadership.take_stand_by("test")
        await bus.tickets.put("1", b"1", 30)
        assert b"1" == await bus.tickets.take("1")
        link.close()
        await bus.aclose()
    finally:
        for node in valkey_cluster.nodes:
            node.command("ACL", "DELUSER", "narrow")


async def test_a_password_that_is_wrong(valkey_cluster: ValkeyCluster) -> None:
    """The refusal is told without it."""
    (first, *_) = await found(valkey_cluster.url.replace("://", "://us:sesame@"))
    assert "wrong" == first.mark
    assert "refused user or password" in first.text
    assert "sesame" not in first.line


@pytest.mark.parametrize("there", ["nobody", "one server", "a node alone"])
async def test_what_is_no_cluster(valkey: Valkey, there: str) -> None:
    """Nothing, a single server, and a node without slots are told apart, each with what to do."""
    port, alone = free_port(), None
    if there == "one server":
        port = valkey.port
    elif there == "a node alone":
        alone = Valkey(cluster_enabled="yes", cluster_port=free_port())
        await asyncio.to_thread(alone.start)
        port = alone.port
    try:
        finding, *_ = await found(f"redis+cluster://127.0.0.1:{port}")
    finally:
        if alone is not None:
            alone.stop()
    assert "wrong" == finding.mark
    expected = {"nobody": "connecting to", "one server": "write redis://127.0.0.1:", "a node alone": "ADDSLOTSRANGE"}
    assert expected[there] in finding.line


async def test_nodes_that_are_missing(own_cluster: ValkeyCluster) -> None:
    """A node that is gone is named; the cluster works on, or does not, by its own word."""
    own_cluster.nodes[3].kill()
    own_cluster.nodes[4].kill()
    findings = await found(own_cluster.url)
    assert 2 == sum("connecting to 127.0.0.1" in text for text in texts(findings, "warning")), findings
    assert [] == texts(findings, "wrong")
    own_cluster.nodes[0].kill()
    async with asyncio.timeout(20):
        while not texts(findings := await found(own_cluster.url), "wrong"):  # noqa: ASYNC110 - servers set no event
            await asyncio.sleep(0.1)
    assert any("is down" in text and "CLUSTER NODES" in text for text in texts(findings, "wrong"))

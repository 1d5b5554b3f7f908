"""A cluster's bus as a whole: over TLS, to nodes behind other addresses than their own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from deploy.ports import free_port
from tests.market.bus.redis.connection.tls_front import Certificates, tls_front
from tests.market.bus.using import outcome_of
from tests.valkey_cluster import NEVER_MS, PRIMARIES, ValkeyCluster


@asynccontextmanager
async def over_tls(cluster: ValkeyCluster, ports: list[int], made: Certificates, name: str) -> AsyncIterator[str]:
    """TLS before every node, with certificates for ``name``. Gives the beginning of the URL."""
    async with AsyncExitStack() as fronts:
        for node, port in zip(cluster.nodes, ports, strict=True):
            front = tls_front(node.port, made.ca.issue_cert(name), clients_of=made.ca, at=port)
            await fronts.enter_async_context(front)
        yield f"rediss+cluster://127.0.0.1:{ports[0]},127.0.0.1:{ports[2]}?"


async def test_tls_to_every_node(tmp_path: Path) -> None:
    """Every node is dialled with TLS where it says that it is: its certificate is checked, and ours is shown."""
    made = Certificates(tmp_path)
    ports = [free_port() for _ in range(PRIMARIES)]
    cluster = ValkeyCluster(announced=ports, node_timeout_ms=NEVER_MS)
    try:
        cluster.start()
        theirs, ours = f"ssl_ca_certs={made.ca_file}", f"ssl_certfile={made.both}"
        async with over_tls(cluster, ports, made, "127.0.0.1") as url:
            assert "" == await outcome_of(f"{url}{theirs}&{ours}")
            for options, said in ((ours, "unknown authority"), (theirs, "ssl_certfile")):
                assert said in await outcome_of(url + options)
            plain = url.replace("rediss", "redis").rstrip("?")
            assert "write rediss+cluster:// in BUS_URL" in await outcome_of(plain)
        async with over_tls(cluster, ports, made, "elsewhere.example.org") as url:
            assert "is for another name" in await outcome_of(f"{url}{theirs}&{ours}")
            assert "" == await outcome_of(f"{url}{theirs}&{ours}&ssl_check_hostname=false")
    finally:
        cluster.stop()

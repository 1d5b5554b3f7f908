"""The poller's metrics."""

import asyncio
import random
import socket
from typing import get_args

import aiohttp
import pytest

from deploy.ports import free_port
from market.bus.memory import MemoryBus
from market.wire.status import SymbolState
from poller import metrics
from poller.errors import PollerError
from poller.publishing.leadership import Lead
from poller.publishing.publisher import Publisher
from poller.publishing.sequencer import Sequencer
from poller.publishing.slow_topics import SlowTopics
from poller.source import LinkState
from poller.states import SymbolStates
from tests.market.samples import tick
from tests.waiting import until

STATE = LinkState("binance-rest", "down", "because", 5)
STATES = SymbolStates(lambda: 5)


def idle_publisher() -> Publisher:
    """A publisher on a bus of its own."""
    bus, sequencer = MemoryBus(), Sequencer(["BTCUSDT"])
    lead = Lead(bus, sequencer, owner="we", now_us=lambda: 1)
    return Publisher(bus, lambda: STATE, STATES, lead, sequencer, now_us=lambda: 1, rng=random.Random(1))


def slow_topics() -> SlowTopics:
    """Figures of 24 hours, of which there are none."""
    return SlowTopics(1, clock=lambda: 1.0, symbol_channels=True)


async def test_scrape() -> None:
    """A scrape shows every counter as it stands, and the health check answers."""
    publisher = idle_publisher()
    running = asyncio.create_task(publisher.run())
    publisher.put(tick())
    await until(lambda: publisher.published and publisher.heartbeats)
    drops, counters = {"too_fine": 3}, {"connects": 4}
    collector = metrics.PollerCollector(
        publisher,
        lambda: STATE,
        STATES,
        slow_topics(),
        drops=lambda: drops,
        left_out=lambda: {"volume": 2},
        source_counters=lambda: counters,
    )
    port = free_port()
    server = await metrics.serve(port, collector)
    drops["too_fine"] = 5
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/metrics") as answer:
            assert answer.content_type == "text/plain"
            lines = (await answer.text()).splitlines()
        async with session.get("/healthz") as answer:
            assert (200, "alive\n") == (answer.status, await answer.text())
    expected = {
        "tickgate_poller_ticks_published_total 1.0",
        "tickgate_poller_ticks_conflated_total 0.0",
        "tickgate_poller_publish_failures_total 0.0",
        "tickgate_poller_beats_total 1.0",
        "tickgate_poller_leading 1.0",
        "tickgate_poller_stats_published_total 0.0",
        'tickgate_poller_stats_dropped_total{reason="malformed"} 0.0',
        'tickgate_poller_stats_dropped_total{reason="out_of_order"} 0.0',
        "tickgate_poller_ticks_waiting 0.0",
        'tickgate_poller_updates_dropped_total{reason="too_fine"} 5.0',
        'tickgate_poller_fields_left_out_total{field="volume"} 2.0',
        'tickgate_poller_source{counter="connects"} 4.0',
        *(f'tickgate_poller_symbols{{state="{state}"}} 0.0' for state in get_args(SymbolState)),
        'tickgate_poller_link_up{source="binance-rest"} 0.0',
    }
    assert expected == {line for line in lines if not line.startswith("#")}
    await server.cleanup()
    publisher.stop()
    await running


async def test_no_page_reads_them_under_a_name_of_its_own() -> None:
    """Requests must name an address or a name without a dot; no answer names a version."""
    publisher, port = idle_publisher(), free_port()
    collector = metrics.PollerCollector(
        publisher, lambda: STATE, STATES, slow_topics(), drops=dict, left_out=dict, source_counters=dict
    )
    server = await metrics.serve(port, collector)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for host, status in (
            *((f"127.0.0.1:{port}", 200), ("localhost", 200), ("[::1]:80", 200), ("poller", 200)),
            *(("evil.example", 403), (f"evil.example:{port}", 403), ("127.0.0.1.evil.example", 403), ("[::1", 403)),
        ):
            for path in ("/metrics", "/healthz"):
                async with session.get(path, headers={"Host": host}) as answer:
                    assert (status, "tickgate") == (answer.status, answer.headers["Server"]), host
    await server.cleanup()


async def test_port_in_use() -> None:
    """A port that is taken stops the start with the variable's name, on one line."""
    publisher = idle_publisher()
    collector = metrics.PollerCollector(
        publisher, lambda: STATE, STATES, slow_topics(), drops=dict, left_out=dict, source_counters=dict
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PollerError, match=rf"^POLLER_METRICS_PORT {port} .*address already in use") as refusal:
            await metrics.serve(port, collector)
    assert str(refusal.value).isprintable()

"""The poller's metrics, and its port."""

import asyncio
import random
import socket
from collections.abc import Mapping
from typing import get_args

import aiohttp
import pytest

from deploy.ports import free_port
from market.bus.memory import MemoryBus
from market.metrics.exposition import expose
from market.metrics.histogram import seconds
from market.wire.status import SymbolState
from poller.errors import PollerError
from poller.metrics.families import PollerFamilies
from poller.metrics.server import serve
from poller.publishing.leadership import Lead
from poller.publishing.publisher import Publisher
from poller.publishing.sequencer import Sequencer
from poller.publishing.slow_topics import SlowTopics
from poller.source import LinkState
from poller.states import SymbolStates
from tests.market.metrics.parsed import values_of
from tests.market.metrics.promtool import complaints
from tests.market.samples import tick
from tests.waiting import until

TOKEN = "a-token-for-the-scraper"  # noqa: S105 - opens nothing
STATE = LinkState("binance-rest", "down", "because", 5)
STATES = SymbolStates(lambda: 5)
NOW_US = 1_700_000_000_000_000


def idle_publisher() -> Publisher:
    """A publisher on a bus of its own."""
    bus, sequencer = MemoryBus(), Sequencer(["BTCUSDT"])
    lead = Lead(bus, sequencer, owner="we", now_us=lambda: NOW_US)
    return Publisher(bus, lambda: STATE, STATES, lead, sequencer, now_us=lambda: NOW_US, rng=random.Random(1))


def families_of(publisher: Publisher, drops: Mapping[str, int], counters: Mapping[str, int]) -> PollerFamilies:
    """All metrics of a poller, with these counts of its source."""
    return PollerFamilies(
        publisher,
        lambda: STATE,
        STATES,
        SlowTopics(1, clock=lambda: 1.0, symbol_channels=True),
        now_us=lambda: NOW_US,
        loop_lag=seconds(),
        drops=lambda: drops,
        left_out=lambda: {"volume": 2},
        source_counters=lambda: counters,
    )


async def test_scrape() -> None:
    """A scrape shows every counter as it stands."""
    publisher = idle_publisher()
    running = asyncio.create_task(publisher.run())
    publisher.put(tick(recv_us=NOW_US - 2_000_000, event_us=NOW_US - 3_000_000))
    await until(lambda: publisher.published and publisher.heartbeats)
    drops, counters = {"too_fine": 3}, {"connects": 4, "reconnects": 2, "bans": 1, "banned_until_s": 1_700_000_100}
    families = families_of(publisher, drops, counters)
    drops["too_fine"] = 5
    text = await expose(families)
    assert "" == complaints(text)
    values = values_of(text)
    expected = {
        ("tickgate_poller_ticks_published_total",): 1,
        ("tickgate_poller_ticks_conflated_total",): 0,
        ("tickgate_poller_publish_failures_total",): 0,
        ("tickgate_poller_beats_total",): 1,
        ("tickgate_poller_leading",): 1,
        ("tickgate_poller_takeovers_total",): 1,
        ("tickgate_poller_bus_reconnects_total",): 0,
        ("tickgate_poller_stats_published_total",): 0,
        ("tickgate_poller_stats_dropped_total", "malformed"): 0,
        ("tickgate_poller_stats_dropped_total", "out_of_order"): 0,
        ("tickgate_poller_ticks_waiting",): 0,
        ("tickgate_poller_updates_dropped_total", "too_fine"): 5,
        ("tickgate_poller_fields_left_out_total", "volume"): 2,
        ("tickgate_poller_exchange_reconnects_total",): 2,
        ("tickgate_poller_bans_total",): 1,
        ("tickgate_poller_banned_until_timestamp_seconds",): 1_700_000_100,
        ("tickgate_poller_link_up", "binance-rest"): 0,
    }
    expected |= {("tickgate_poller_source", name): count for name, count in counters.items()}
    expected |= {("tickgate_poller_symbols", state): 0 for state in get_args(SymbolState)}
    assert expected == {labels: values[labels] for labels in expected}
    ages = {stage: values["tickgate_poller_tick_age_seconds_sum", stage] for stage in ("exchange", "poller", "bus")}
    # A tick that came before it led was sent when it began to.
    assert {"exchange": 1, "poller": 2, "bus": 2} == ages
    assert values["tickgate_poller_publish_seconds_count",] >= 1
    assert 1 == values["tickgate_poller_publish_ticks_sum",]
    publisher.stop()
    await running


async def test_no_page_reads_them_under_a_name_of_its_own() -> None:
    """Requests must name an address or a name without a dot; no answer names a version."""
    publisher, port = idle_publisher(), free_port()
    server = await serve("127.0.0.1", port, families_of(publisher, {}, {}), str)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for host, status in (
            *((f"127.0.0.1:{port}", 200), ("localhost", 200), ("[::1]:80", 200), ("poller", 200)),
            *(("evil.example", 403), (f"evil.example:{port}", 403), ("127.0.0.1.evil.example", 403), ("[::1", 403)),
        ):
            for path in ("/metrics", "/healthz", "/readyz"):
                async with session.get(path, headers={"Host": host}) as answer:
                    assert (status, "tickgate") == (answer.status, answer.headers["Server"]), host
    await server.cleanup()


async def test_metrics_may_need_a_token() -> None:
    """Then any name will do; health and readiness are for orchestrators, which have none."""
    publisher, port = idle_publisher(), free_port()
    server = await serve("127.0.0.1", port, families_of(publisher, {}, {}), str, lambda: TOKEN)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for given, status in ((TOKEN, 200), (TOKEN + "x", 401), (TOKEN[:-1], 401), ("", 401), ("\xe9", 401)):
            headers = {"Host": "poller-1.internal", "Authorization": f"Bearer {given}"}
            async with session.get("/metrics", headers=headers) as answer:
                assert status == answer.status, given
                assert TOKEN not in await answer.text()
        async with session.get("/metrics") as answer:
            assert (401, "Bearer") == (answer.status, answer.headers["WWW-Authenticate"])
        async with session.get("/healthz") as answer:
            assert (200, "alive\n") == (answer.status, await answer.text())
    await server.cleanup()


async def test_who_is_not_ready_says_why() -> None:
    """For orchestrators: 503, and the reason."""
    problem, port = "", free_port()
    server = await serve("127.0.0.1", port, families_of(idle_publisher(), {}, {}), lambda: problem)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/readyz") as answer:
            assert (200, "ready\n") == (answer.status, await answer.text())
        problem = "the bus does not answer"
        async with session.get("/readyz") as answer:
            assert (503, "the bus does not answer\n") == (answer.status, await answer.text())
    await server.cleanup()


async def test_port_in_use() -> None:
    """A port that is taken stops the start with the variable's name, on one line."""
    families = families_of(idle_publisher(), {}, {})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PollerError, match=rf"^POLLER_METRICS_PORT {port} .*address already in use") as refusal:
            await serve("127.0.0.1", port, families, str)
    assert str(refusal.value).isprintable()

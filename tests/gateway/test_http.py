"""What a gateway answers over HTTP."""

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from tests.client import connected
from tests.gateway.conftest import Start


async def test_health_and_readiness(start: Start) -> None:
    """Alive always; ready once the last values are there; 404 when draining, so that HAProxy sends nobody new."""
    running = await start()
    async with ClientSession() as http:

        async def status(path: str) -> int:
            async with http.get(running.http_url + path) as response:
                return response.status

        assert 200 == await status("healthz")
        assert 200 == await status("readyz")
        running.gateway.feed.ready = False
        assert 503 == await status("readyz")
        running.gateway.draining = True
        assert 404 == await status("readyz")
        assert 200 == await status("healthz")


async def test_metrics_tell_what_happened(start: Start) -> None:
    """Prometheus text, with the gateway's own counts in it."""
    running = await start()
    async with connected(running.url) as client, ClientSession() as http:
        await client.subscribe("BTC")
        await running.publish("BTCUSDT", 1)
        running.gateway.feed.tick_received("BTCUSDT", b"nonsense")
        await client.until(lambda client: client.newest_seq("BTCUSDT") == 1)
        async with http.get(running.http_url + "metrics") as response:
            text = await response.text()
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert 1 == values["tickgate_connections",]
    assert 1 == values["tickgate_cohorts",]
    assert 1 == values["tickgate_ticks_received_total",]
    assert 1 == values["tickgate_ticks_sent_total",]
    assert 1 == values["tickgate_bus_refused_total", "not_a_tick"]
    assert 0 < values["process_resident_memory_bytes",]


async def test_a_plain_request_to_the_websocket_is_refused(start: Start) -> None:
    """Without an upgrade the answer is 400 and says why."""
    running = await start()
    async with ClientSession() as http, http.get(running.http_url + "ws") as response:
        assert 400 == response.status
        assert "websocket" in (await response.text()).lower()

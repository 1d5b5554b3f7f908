"""The real poller where the only way to the exchange is a proxy."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from trustme import CA

from deploy.process.processes import ROOT
from market.bus import open_bus
from market.wire.codec import decode_heartbeat
from tests.exchange.server import Exchange
from tests.forward_proxy import ForwardProxy
from tests.integration.stacks import environment
from tests.market.bus.receivers import RecordingReceiver
from tests.market.bus.using import listen
from tests.valkey import Valkey
from tests.waiting import until

pytestmark = pytest.mark.integration

PASSWORD = "ses@me"  # noqa: S105 - of the test's own proxy
HOSTS = ("api.exchange.example", "stream.exchange.example")


@asynccontextmanager
async def tls_front(port: int, ca: CA) -> AsyncIterator[int]:
    """A port that speaks TLS for `HOSTS`, in front of one that does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*HOSTS).configure_cert(context)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, out = await asyncio.open_connection("127.0.0.1", port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65_536):
                    sink.write(data)
                    await sink.drain()
            except OSError:
                pass
            finally:
                sink.transport.abort()

        await asyncio.gather(pump(reader, out), pump(there, writer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def poller(**settings: str) -> AsyncIterator[list[str]]:
    """The program, and every line that it writes."""
    lines: list[str] = []
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "poller", env=environment(**settings), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )

    async def read() -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            lines.append(line.decode())

    reading = asyncio.ensure_future(read())
    try:
        yield lines
    finally:
        process.terminate()
        await reading
        await process.wait()
    assert 0 == process.returncode


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_requests_and_streams_go_through_the_proxy(scheme: str, valkey: Valkey, tmp_path: Path) -> None:
    """The probe of FEED=auto, REST and streams; no log line shows the password, and no host but the proxy hears it."""
    ca = CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "netrc").write_text("".join(f"machine {host} login me password hidden\n" for host in HOSTS))
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(Exchange(["BTCUSDT"]))
        port = int(exchange.rest_url.rpartition(":")[2])
        if scheme == "https":
            port = await stack.enter_async_context(tls_front(port, ca))
        routes = {f"{host}:9443": port for host in HOSTS}
        proxy = await stack.enter_async_context(ForwardProxy(routes, user="us", password=PASSWORD))
        bus, reader = open_bus(valkey.url), RecordingReceiver()
        link = await listen(bus, ["BTCUSDT"], reader)
        lines = await stack.enter_async_context(
            poller(
                FEED="auto",
                SYMBOLS="BTCUSDT",
                BUS_URL=valkey.url,
                BINANCE_REST_URL=f"{scheme}://{HOSTS[0]}:9443",
                BINANCE_WS_URL=f"{scheme.replace('http', 'ws')}://{HOSTS[1]}:9443",
                **{f"{scheme.upper()}_PROXY": f"http://us:ses%40me@127.0.0.1:{proxy.port}"},
                SSL_CERT_FILE=str(tmp_path / "ca.pem"),
                NETRC=str(tmp_path / "netrc"),
                LOG_LEVEL="DEBUG",
            )
        )
        await until(lambda: _is_up(reader), within_s=20)
        link.close()
        await bus.aclose()
        methods = {asked.partition(" ")[0] for asked in proxy.asked}
        assert {"CONNECT" if scheme == "https" else "GET"} == methods
        assert {f"{host}:9443" for host in HOSTS} == {asked.partition(" ")[2] for asked in proxy.asked}
        assert not any(b"\r\nauthorization:" in head.lower() for head in proxy.heads)
    everything = "".join(lines)
    assert "ses@me" not in everything
    assert "ses%40me" not in everything
    assert "hidden" not in everything


async def test_a_proxy_that_lets_nobody_through_is_no_exchange(valkey: Valkey) -> None:
    """Nothing of the exchange answers, so prices are simulated, and the log says what the proxy said."""
    async with ForwardProxy({}) as proxy, AsyncExitStack() as stack:
        bus, reader = open_bus(valkey.url), RecordingReceiver()
        link = await listen(bus, ["BTCUSDT"], reader)
        lines = await stack.enter_async_context(
            poller(
                FEED="auto",
                SYMBOLS="BTCUSDT",
                BUS_URL=valkey.url,
                BINANCE_REST_URL=f"https://{HOSTS[0]}",
                HTTPS_PROXY=f"127.0.0.1:{proxy.port}",
            )
        )
        await until(
            lambda: any(decode_heartbeat(it).source == "simulated" for name, it in reader.received if name == "beat")
        )
        link.close()
        await bus.aclose()
    assert any("so these prices are simulated (the proxy refuses: HTTP 502)" in line for line in lines)


def _is_up(reader: RecordingReceiver) -> bool:
    heartbeats = [decode_heartbeat(payload) for name, payload in reader.received if name == "beat"]
    prices = len(reader.received) > len(heartbeats)
    return prices and (heartbeats[-1].source, heartbeats[-1].link) == ("binance-ws", "up")

"""The platform on hosts of its own: exchange, pollers, bus, gateways, HAProxy and clients, one host for each.

```
exchange ── poller-1, poller-2 ── bus ── gateway-1, gateway-2 ── front ── client
```
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from signal import SIGUSR1

from deploy import files
from deploy.launcher.programs import GUNICORN, PYTHON, find_haproxy
from tests.integration.faults import SYMBOLS
from tests.integration.hosts.buses import BUSES, Bus
from tests.integration.hosts.network import Host, Network, ask, network
from tests.integration.hosts.visitor import Visitor
from tests.integration.stacks import environment, eventually

PORT = 8080
"""Of the gateways and of HAProxy, each on its own host."""
_EXCHANGE_PORT = 9000
_POLLER_METRICS_PORT = 9100
_STATS_PORT = 8404
"""Of HAProxy, on the loopback interface of its host."""
CHANGES_PER_S = 60
"""New quotes of all symbols together."""


@dataclass
class Site:
    """The running platform, and what scenarios do with it."""

    network: Network
    bus: Bus
    visitors: list[Visitor] = field(default_factory=list)

    def __getitem__(self, name: str) -> Host:
        return self.network[name]

    @property
    def bus_host(self) -> Host:
        """The host of the bus, or of its part that leads at the start."""
        return self[self.bus.host_names[0]]

    async def start_poller(self, host: str) -> None:
        """Start the poller of a host."""
        exchange = self["exchange"].address
        await self[host].start(
            host,
            (*PYTHON, "poller"),
            self._environment(
                FEED="binance-ws",
                POLLER_METRICS_PORT=str(_POLLER_METRICS_PORT),
                BINANCE_REST_URL=f"http://{exchange}:{_EXCHANGE_PORT}",
                BINANCE_WS_URL=f"ws://{exchange}:{_EXCHANGE_PORT}",
            ),
        )

    async def start_gateway(self, host: str) -> None:
        """Start the gateway of a host; return when it is ready."""
        its = self[host]
        settings = {
            "GATEWAY_HOST": its.address,
            "GATEWAY_PORT": str(PORT),
            "ALLOW_ANONYMOUS": "1",
            "TRUSTED_PROXIES": self["front"].address,
            "DRAIN_SECONDS": "0",
        }
        await its.start(host, GUNICORN, self._environment(**settings))
        await self.network.until_answers(its, PORT, "/readyz")

    async def start_front(self) -> None:
        """Start HAProxy; return when it passes clients on."""
        haproxy = find_haproxy()
        assert haproxy is not None
        front = self["front"]
        settings = {f"TICKGATE_GATEWAY_{number}": f"{self[f'gateway-{number}'].address}:{PORT}" for number in (1, 2)}
        settings |= {"TICKGATE_GATEWAY_3": "", "TICKGATE_GATEWAY_4": "", "TICKGATE_DNS": "0"}
        env = environment(TICKGATE_BIND=f"{front.address}:{PORT}", **settings)
        await front.start("haproxy", (haproxy, "-db", "-f", str(files.HAPROXY)), env, stop_signal=SIGUSR1)
        await eventually(self._front_uses_both_gateways, within_s=30)

    async def start(self, *, stand_by: bool) -> None:
        """Start everything; return when clients are served."""
        await self.bus.start(self.network)
        exchange = self["exchange"]
        options = f"--host {exchange.address} --port {_EXCHANGE_PORT} --changes-per-s {CHANGES_PER_S}"
        command = (*PYTHON, "tests.exchange", *options.split(), "--symbols", ",".join(SYMBOLS))
        await exchange.start("exchange", command, environment())
        await self.network.until_answers(exchange, _EXCHANGE_PORT)
        await self.start_poller("poller-1")
        async with asyncio.TaskGroup() as group:
            for number in (1, 2):
                group.create_task(self.start_gateway(f"gateway-{number}"))
            group.create_task(self.start_front())
        if stand_by:
            await self.start_poller("poller-2")
            await eventually(self._a_fit_poller_stands_by, within_s=30)

    async def connections(self) -> int:
        """How many WebSockets the gateways hold, whether anybody is at the other end or not."""
        held = 0.0
        for number in (1, 2):
            host = self[f"gateway-{number}"]
            if (text := await self.network.ask(host, PORT, "/metrics")) is not None:
                held += _value(text, "tickgate_connections") or 0.0
        return int(held)

    async def _front_uses_both_gateways(self) -> bool:
        text = await ask(self["front"].namespace, "127.0.0.1", _STATS_PORT, "/stats;csv") or ""
        return len(re.findall(r"^gateways,gateway-\d,.*,UP,", text, re.MULTILINE)) == 2

    async def _a_fit_poller_stands_by(self) -> bool:
        # It listens on the loopback interface of its host.
        namespace = self["poller-2"].namespace
        text = await ask(namespace, "127.0.0.1", _POLLER_METRICS_PORT, "/metrics") or ""
        return _value(text, "tickgate_poller_link_up") == 1 and _value(text, "tickgate_poller_leading") == 0

    def _environment(self, **settings: str) -> dict[str, str]:
        return environment(BUS_URL=self.bus.url, SYMBOLS=",".join(SYMBOLS), **settings)


def _value(text: str, name: str) -> float | None:
    """The value of a metric in Prometheus's text; None if it is not there."""
    found = re.search(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
    return None if found is None else float(found[1])


@asynccontextmanager
async def site(bus: str = "redis", *, stand_by: bool = False, careful: int = 4, naive: int = 4) -> AsyncIterator[Site]:
    """The platform on ``bus``, with visitors who hold a price of each symbol; half of them at each gateway.

    ``careful`` visitors send pings and leave a silent connection; ``naive`` ones stay until it ends; half of
    those send pings all the same. With ``stand_by``
    there is a second poller.
    """

    def say(name: str, line: str) -> None:
        print(f"{name:<10}| {line}")  # noqa: T201 # pytest shows it on failure

    async with AsyncExitStack() as exits:
        hosts = await exits.enter_async_context(network(say))
        made = Site(hosts, BUSES[bus]())
        for name in (*made.bus.host_names, "exchange", "poller-1", "gateway-1", "gateway-2", "front", "client"):
            hosts.add(name)
        if stand_by:
            hosts.add("poller-2")
        await made.start(stand_by=stand_by)
        front = made["front"].address
        for number in range(careful + naive):
            # By twos, because each comes to another gateway than the one before.
            manners = {"careful": number < careful, "pings": number < careful or number // 2 % 2 == 1}
            visitor = Visitor(made["client"].namespace, front, PORT, SYMBOLS, **manners)
            await exits.enter_async_context(visitor)
            await visitor.until(lambda visitor: visitor.is_current(0), within_s=30)
            made.visitors.append(visitor)
        yield made

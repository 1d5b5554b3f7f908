"""The platform on hosts of its own: exchange, pollers, bus, gateways, front and clients, one host for each.

```
exchange ── poller-1, poller-2 ── bus ── gateway-1, gateway-2 ── front ── client
```
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from deploy.launcher.programs import GUNICORN, PYTHON
from deploy.ports import Address
from tests.integration.faults import SYMBOLS
from tests.integration.hosts.buses import BUSES, Bus
from tests.integration.hosts.fronts import Front
from tests.integration.hosts.network import Host, Network, ask, network
from tests.integration.hosts.visitor import Visitor
from tests.integration.stacks import environment, eventually

PORT = 8080
"""Of the gateways and of the front, each on its own host."""
_EXCHANGE_PORT = 9000
_POLLER_METRICS_PORT = 9100
_MOST_TRIES = 20
CHANGES_PER_S = 60
"""New quotes of all symbols together."""


@dataclass
class Site:
    """The running platform, and what scenarios do with it."""

    network: Network
    bus: Bus
    front: Front
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
        """Start what stands before the gateways; return when it passes clients on."""
        gateways = [Address(self[f"gateway-{number}"].address, PORT, f"TICKGATE_GATEWAY_{number}") for number in (1, 2)]
        await self.front.start(self["front"], PORT, gateways)

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
        await self.start_front()
        if stand_by:
            await self.start_poller("poller-2")
            await eventually(self._a_fit_poller_stands_by, within_s=30)

    async def connections(self) -> list[int]:
        """How many WebSockets each gateway holds, whether anybody is at the other end or not."""
        held = []
        for number in (1, 2):
            text = await self.network.ask(self[f"gateway-{number}"], PORT, "/metrics") or ""
            held.append(int(_value(text, "tickgate_connections") or 0))
        return held

    def holds(self, count: int) -> Callable[[], Awaitable[bool]]:
        """Asks whether the gateways hold so many connections together."""

        async def it_does() -> bool:
            return sum(await self.connections()) == count

        return it_does

    async def _a_fit_poller_stands_by(self) -> bool:
        # It listens on the loopback interface of its host.
        namespace = self["poller-2"].namespace
        text = await ask(namespace, "127.0.0.1", _POLLER_METRICS_PORT, "/metrics") or ""
        return _value(text, "tickgate_poller_link_up") == 1 and _value(text, "tickgate_poller_leading") == 0

    def _environment(self, **settings: str) -> dict[str, str]:
        return environment(SYMBOLS=",".join(SYMBOLS), **self.bus.variables, **settings)


def _value(text: str, name: str) -> float | None:
    """The value of a metric in Prometheus's text; None if it is not there."""
    found = re.search(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
    return None if found is None else float(found[1])


@asynccontextmanager
async def site(
    bus: str = "redis", front: str = "haproxy", *, stand_by: bool = False, careful: int = 4, naive: int = 4
) -> AsyncIterator[Site]:
    """The platform on ``bus`` behind ``front``, with visitors who hold a price of each symbol; half at each gateway.

    ``careful`` visitors send pings and leave a silent connection; ``naive`` ones stay until it ends; half of
    those send pings all the same. With ``stand_by``
    there is a second poller.
    """

    def say(name: str, line: str) -> None:
        print(f"{name:<10}| {line}")  # noqa: T201 # pytest shows it on failure

    async with AsyncExitStack() as exits:
        hosts = await exits.enter_async_context(network(say))
        made = Site(hosts, BUSES[bus](), Front(front))
        for name in (*made.bus.host_names, "exchange", "poller-1", "gateway-1", "gateway-2", "front", "client"):
            hosts.add(name)
        if stand_by:
            hosts.add("poller-2")
        await made.start(stand_by=stand_by)
        for number in range(careful + naive):
            # By twos, one at each gateway.
            manners = {"careful": number < careful, "pings": number < careful or number // 2 % 2 == 1}
            made.visitors.append(await _seated(made, exits, even=number % 2 == 1, **manners))
        yield made


async def _seated(its: Site, exits: AsyncExitStack, *, even: bool, **manners: bool) -> Visitor:
    """One more visitor, who is current; with ``even`` the gateways then have as many as each other.

    A front that chooses by chance is asked again.
    """
    for _ in range(_MOST_TRIES):
        visitor = Visitor(its["client"].namespace, its["front"].address, PORT, SYMBOLS, **manners)
        async with AsyncExitStack() as own:
            await own.enter_async_context(visitor)
            await visitor.until(lambda visitor: visitor.is_current(0), within_s=30)
            one, other = await its.connections()
            if one == other or not even:
                exits.push_async_exit(own.pop_all())
                return visitor
        await eventually(its.holds(len(its.visitors)), within_s=20)
    raise TimeoutError(f"{its.front.name} takes all visitors to one gateway")

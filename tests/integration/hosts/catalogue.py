"""All scenarios: which parts lose each other, and what is promised of that."""

from tests.integration.hosts.network import Host
from tests.integration.hosts.scenario import LASTS_S, Scenario, Step
from tests.integration.hosts.site import Site

BUS = "bus"
"""Whichever host leads the bus."""


def _host(site: Site, name: str) -> Host:
    return site.bus_host if name == BUS else site[name]


def _partition(one_side: str, other_side: str) -> Step:
    """Hosts by name, with blanks between them."""

    async def begin(site: Site) -> None:
        for one in one_side.split():
            for other in other_side.split():
                site.network.partition(_host(site, one), _host(site, other))

    return begin


def _lose(sender: str, receiver: str) -> Step:
    async def begin(site: Site) -> None:
        site.network.lose(_host(site, sender), _host(site, receiver))

    return begin


def _unplug(name: str) -> Step:
    async def begin(site: Site) -> None:
        site.network.unplug(_host(site, name))

    return begin


def _plug(name: str) -> Step:
    async def end(site: Site) -> None:
        site.network.plug(_host(site, name))

    return end


def _die(name: str) -> Step:
    async def begin(site: Site) -> None:
        await site.network.die(_host(site, name))

    return begin


async def _heal(site: Site) -> None:
    site.network.heal()


async def _start_bus(site: Site) -> None:
    site.network.boot(site.bus_host)
    await site.bus.start(site.network)


async def _start_gateway(site: Site) -> None:
    site.network.boot(site["gateway-1"])
    await site.start_gateway("gateway-1")


async def _start_front(site: Site) -> None:
    site.network.boot(site["front"])
    await site.start_front()


async def _start_poller(site: Site) -> None:
    site.network.boot(site["poller-1"])
    await site.start_poller("poller-1")


_NO_LINK = "no link to the bus"
_SILENT_POLLER = "the poller is silent"
_SILENT = "silent"
_EXCHANGE_TOLD_S = 9.0
"""Five seconds without anything from the exchange, and then nothing by REST either."""
_EXCHANGE_BACK_S = 40.0
"""Tries are up to thirty seconds apart."""

OF_THE_BUS = (
    Scenario(name="poller and bus, partition", begin=_partition("poller-1", BUS), end=_heal, told=_SILENT_POLLER),
    Scenario(name="poller to bus, loss", begin=_lose("poller-1", BUS), end=_heal, told=_SILENT_POLLER),
    Scenario(name="bus to poller, loss", begin=_lose(BUS, "poller-1"), end=_heal, told=_SILENT_POLLER),
    Scenario(
        name="leading poller and bus, partition; another stands by",
        begin=_partition("poller-1", BUS),
        end=_heal,
        stand_by=True,
        affects="some",
        told=_SILENT_POLLER,
        passes="all",
    ),
    Scenario(
        name="gateway and bus, partition", begin=_partition("gateway-1", BUS), end=_heal, affects="half", told=_NO_LINK
    ),
    Scenario(name="gateway to bus, loss", begin=_lose("gateway-1", BUS), end=_heal, affects="half", told=_NO_LINK),
    Scenario(name="bus to gateway, loss", begin=_lose(BUS, "gateway-1"), end=_heal, affects="half", told=_NO_LINK),
    Scenario(name="bus's host dies, and is started again", begin=_die(BUS), end=_start_bus, told=_NO_LINK),
    Scenario(name="bus's host, cable pulled", begin=_unplug(BUS), end=_plug(BUS), told=_NO_LINK),
)

OF_THE_FRONT = (
    *(
        Scenario(name=name, begin=begin, end=end, affects="half", told=_SILENT, naive="cut off", passes="all")
        for name, begin, end in (
            ("front and gateway, partition", _partition("front", "gateway-1"), _heal),
            ("front to gateway, loss", _lose("front", "gateway-1"), _heal),
            ("gateway to front, loss", _lose("gateway-1", "front"), _heal),
            ("gateway's host dies, and is started again", _die("gateway-1"), _start_gateway),
            ("gateway's host, cable pulled", _unplug("gateway-1"), _plug("gateway-1")),
        )
    ),
    Scenario(
        name="front and both gateways, partition",
        begin=_partition("front", "gateway-1 gateway-2"),
        end=_heal,
        told=_SILENT,
        naive="cut off",
    ),
)

OF_CLIENTS = (
    *(
        Scenario(name=name, begin=begin, end=_heal, told=_SILENT, naive="unaware")
        for name, begin in (
            ("client and front, partition", _partition("client", "front")),
            ("client to front, loss", _lose("client", "front")),
            ("front to client, loss", _lose("front", "client")),
        )
    ),
    Scenario(
        name="front's host dies, and is started again",
        begin=_die("front"),
        end=_start_front,
        told=_SILENT,
        naive="lost",
    ),
)

OF_POLLERS = (
    *(
        Scenario(
            name=name,
            begin=begin,
            end=_heal,
            told="",
            told_within_s=_EXCHANGE_TOLD_S,
            lasts_s=2 * LASTS_S,
            back_within_s=_EXCHANGE_BACK_S,
        )
        for name, begin in (
            ("exchange and poller, partition", _partition("exchange", "poller-1")),
            ("exchange to poller, loss", _lose("exchange", "poller-1")),
            ("poller to exchange, loss", _lose("poller-1", "exchange")),
        )
    ),
    Scenario(
        name="exchange and leading poller, partition; another stands by",
        begin=_partition("exchange", "poller-1"),
        end=_heal,
        stand_by=True,
        affects="some",
        told="",
        told_within_s=_EXCHANGE_TOLD_S,
        passes="all",
        back_within_s=20,
        lasts_s=2 * LASTS_S,
    ),
    Scenario(
        name="leading poller's host dies; another stands by",
        begin=_die("poller-1"),
        end=_start_poller,
        stand_by=True,
        affects="some",
        told=_SILENT_POLLER,
        passes="all",
    ),
)

OF_SENTINEL = (
    Scenario(
        name="primary's host dies; a replica takes over",
        begin=_die(BUS),
        end=_start_bus,
        told="",
        passes="all",
        lasts_s=12,
        back_within_s=15,
    ),
    Scenario(
        name="primary and one gateway, partition from all others",
        begin=_partition("bus-1 gateway-1", "bus-2 bus-3 poller-1"),
        end=_heal,
        told="",
        passes="half",
        lasts_s=20,
        back_within_s=15,
    ),
    Scenario(
        name="primary, leading poller and one gateway, partition from all others",
        begin=_partition("bus-1 poller-1 gateway-1", "bus-2 bus-3 poller-2 gateway-2"),
        end=_heal,
        affects="some",
        told="",
        passes="all",
        stand_by=True,
        lasts_s=20,
        back_within_s=15,
    ),
)
"""Only with several servers; told is either that the poller is silent or that there is no link to the bus."""

SCENARIOS = (*OF_POLLERS, *OF_THE_BUS, *OF_THE_FRONT, *OF_CLIENTS)

OF_ONE_BUS = {"sentinel": OF_SENTINEL}
"""Scenarios that there are with one bus only."""

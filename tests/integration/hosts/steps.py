"""What a scenario does to hosts: they lose each other, die, and are started again."""

from tests.integration.hosts.network import Host
from tests.integration.hosts.scenario import Step
from tests.integration.hosts.site import Site

BUS = "bus"
"""Whichever host leads the bus."""


def _host(site: Site, name: str) -> Host:
    return site.bus_host if name == BUS else site[name]


def partition(one_side: str, other_side: str) -> Step:
    """Packets between hosts of two sides vanish. Each side is hosts by name, with blanks between them."""

    async def begin(site: Site) -> None:
        for one in one_side.split():
            for other in other_side.split():
                site.network.partition(_host(site, one), _host(site, other))

    return begin


def lose(senders: str, receivers: str) -> Step:
    """Packets from the ones to the others vanish, and pass the other way."""

    async def begin(site: Site) -> None:
        for sender in senders.split():
            for receiver in receivers.split():
                site.network.lose(_host(site, sender), _host(site, receiver))

    return begin


def unplug(name: str) -> Step:
    """Pull the cable of a host: it sees that, and others are told that there is no way to it."""

    async def begin(site: Site) -> None:
        site.network.unplug(_host(site, name))

    return begin


def plug(name: str) -> Step:
    """Put it back."""

    async def end(site: Site) -> None:
        site.network.plug(_host(site, name))

    return end


def die(name: str) -> Step:
    """All of a host stops at once, without a last packet."""

    async def begin(site: Site) -> None:
        await site.network.die(_host(site, name))

    return begin


async def heal(site: Site) -> None:
    """Every partition and loss ends."""
    site.network.heal()


def start_host_of_bus(name: str) -> Step:
    """A host that died is switched on, and what belongs there is started."""

    async def end(site: Site) -> None:
        site.network.boot(_host(site, name))
        await site.bus.start(site.network)

    return end


start_bus = start_host_of_bus(BUS)


async def start_gateway(site: Site) -> None:
    """The first gateway's host is switched on, and its gateway started."""
    site.network.boot(site["gateway-1"])
    await site.start_gateway("gateway-1")


async def start_front(site: Site) -> None:
    """The front's host is switched on, and the front started."""
    site.network.boot(site["front"])
    await site.start_front()


async def start_poller(site: Site) -> None:
    """The first poller's host is switched on, and its poller started."""
    site.network.boot(site["poller-1"])
    await site.start_poller("poller-1")

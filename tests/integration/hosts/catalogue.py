"""All scenarios: which parts lose each other, and what is promised of that."""

from tests.integration.hosts.bus_faults import OF_CLUSTER, OF_KAFKA, OF_SENTINEL
from tests.integration.hosts.scenario import LASTS_S, Scenario
from tests.integration.hosts.steps import (
    BUS,
    die,
    heal,
    lose,
    partition,
    plug,
    start_bus,
    start_front,
    start_gateway,
    start_poller,
    unplug,
)

_NO_LINK = "no link to the bus"
_SILENT_POLLER = "the poller is silent"
_SILENT = "silent"
_EXCHANGE_TOLD_S = 9.0
"""Five seconds without anything from the exchange, and then nothing by REST either."""
_EXCHANGE_BACK_S = 40.0
"""Tries are up to thirty seconds apart."""

OF_THE_BUS = (
    Scenario(name="poller and bus, partition", begin=partition("poller-1", BUS), end=heal, told=_SILENT_POLLER),
    Scenario(name="poller to bus, loss", begin=lose("poller-1", BUS), end=heal, told=_SILENT_POLLER),
    Scenario(name="bus to poller, loss", begin=lose(BUS, "poller-1"), end=heal, told=_SILENT_POLLER),
    Scenario(
        name="leading poller and bus, partition; another stands by",
        begin=partition("poller-1", BUS),
        end=heal,
        stand_by=True,
        affects="some",
        told=_SILENT_POLLER,
        passes="all",
    ),
    Scenario(
        name="gateway and bus, partition", begin=partition("gateway-1", BUS), end=heal, affects="half", told=_NO_LINK
    ),
    Scenario(name="gateway to bus, loss", begin=lose("gateway-1", BUS), end=heal, affects="half", told=_NO_LINK),
    Scenario(name="bus to gateway, loss", begin=lose(BUS, "gateway-1"), end=heal, affects="half", told=_NO_LINK),
    Scenario(name="bus's host dies, and is started again", begin=die(BUS), end=start_bus, told=_NO_LINK),
    Scenario(name="bus's host, cable pulled", begin=unplug(BUS), end=plug(BUS), told=_NO_LINK),
)

OF_THE_FRONT = (
    *(
        Scenario(name=name, begin=begin, end=end, affects="half", told=_SILENT, naive="cut off", passes="all")
        for name, begin, end in (
            ("front and gateway, partition", partition("front", "gateway-1"), heal),
            ("front to gateway, loss", lose("front", "gateway-1"), heal),
            ("gateway to front, loss", lose("gateway-1", "front"), heal),
            ("gateway's host dies, and is started again", die("gateway-1"), start_gateway),
            ("gateway's host, cable pulled", unplug("gateway-1"), plug("gateway-1")),
        )
    ),
    Scenario(
        name="front and both gateways, partition",
        begin=partition("front", "gateway-1 gateway-2"),
        end=heal,
        told=_SILENT,
        naive="cut off",
    ),
)

FRONT_DIES = Scenario(
    name="front's host dies, and is started again", begin=die("front"), end=start_front, told=_SILENT, naive="lost"
)

OF_CLIENTS = (
    *(
        Scenario(name=name, begin=begin, end=heal, told=_SILENT, naive="unaware")
        for name, begin in (
            ("client and front, partition", partition("client", "front")),
            ("client to front, loss", lose("client", "front")),
            ("front to client, loss", lose("front", "client")),
        )
    ),
    FRONT_DIES,
)

OF_POLLERS = (
    *(
        Scenario(
            name=name,
            begin=begin,
            end=heal,
            told="",
            told_within_s=_EXCHANGE_TOLD_S,
            lasts_s=2 * LASTS_S,
            back_within_s=_EXCHANGE_BACK_S,
        )
        for name, begin in (
            ("exchange and poller, partition", partition("exchange", "poller-1")),
            ("exchange to poller, loss", lose("exchange", "poller-1")),
            ("poller to exchange, loss", lose("poller-1", "exchange")),
        )
    ),
    Scenario(
        name="exchange and leading poller, partition; another stands by",
        begin=partition("exchange", "poller-1"),
        end=heal,
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
        begin=die("poller-1"),
        end=start_poller,
        stand_by=True,
        affects="some",
        told=_SILENT_POLLER,
        passes="all",
    ),
)

SCENARIOS = (*OF_POLLERS, *OF_THE_BUS, *OF_THE_FRONT, *OF_CLIENTS)

OF_A_FRONT = (*OF_THE_FRONT, FRONT_DIES)
"""What another front than HAProxy has to stand."""

OF_BUS = {"redis": SCENARIOS, "sentinel": (*SCENARIOS, *OF_SENTINEL), "cluster": OF_CLUSTER, "kafka": OF_KAFKA}
"""What there is with each bus."""

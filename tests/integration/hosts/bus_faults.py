"""Scenarios of buses of several hosts: one of them dies or is cut off, and the others go on."""

from tests.integration.hosts.scenario import Scenario
from tests.integration.hosts.steps import BUS, die, heal, lose, partition, start_bus, start_host_of_bus

_TAKEN_OVER_WITHIN_S = 15.0
_LASTS_S = 20.0

OF_SENTINEL = (
    Scenario(
        name="primary's host dies; a replica takes over",
        begin=die(BUS),
        end=start_bus,
        told="",
        passes="all",
        lasts_s=12,
        back_within_s=15,
    ),
    Scenario(
        name="primary and one gateway, partition from all others",
        begin=partition("bus-1 gateway-1", "bus-2 bus-3 poller-1"),
        end=heal,
        told="",
        passes="half",
        lasts_s=20,
        back_within_s=15,
    ),
    Scenario(
        name="primary, leading poller and one gateway, partition from all others",
        begin=partition("bus-1 poller-1 gateway-1", "bus-2 bus-3 poller-2 gateway-2"),
        end=heal,
        affects="some",
        told="",
        passes="all",
        stand_by=True,
        lasts_s=20,
        back_within_s=15,
    ),
)
"""Only with several servers; told is either that the poller is silent or that there is no link to the bus."""

_ALL = "bus-1 bus-2 bus-3"
_ONE_LASTS_S = 8.0
"""A part that nobody else can take over."""

OF_CLUSTER = (
    Scenario(
        name="host of the primary with the lease dies; its replica takes over",
        begin=die(BUS),
        end=start_bus,
        told="",
        passes="all",
        lasts_s=12,
        back_within_s=_TAKEN_OVER_WITHIN_S,
    ),
    Scenario(
        name="another primary's host dies; its replica takes over",
        begin=die("bus-2"),
        end=start_host_of_bus("bus-2"),
        told="",
        passes="all",
        lasts_s=12,
        back_within_s=_TAKEN_OVER_WITHIN_S,
    ),
    Scenario(
        name="one host of the bus and the two others, partition",
        begin=partition("bus-1", "bus-2 bus-3"),
        end=heal,
        told="",
        # It takes prices until it finds out that it is alone, and is silent then.
        told_within_s=8,
        passes="all",
        lasts_s=_LASTS_S,
        back_within_s=_TAKEN_OVER_WITHIN_S,
    ),
    Scenario(
        name="one host of the bus and a gateway, partition from all others",
        begin=partition("bus-1 gateway-1", "bus-2 bus-3 poller-1"),
        end=heal,
        told="",
        passes="half",
        lasts_s=_LASTS_S,
        back_within_s=_TAKEN_OVER_WITHIN_S,
    ),
    *(
        Scenario(name=name, begin=begin, end=heal, affects="half", told="", lasts_s=_ONE_LASTS_S)
        for name, begin in (
            ("gateway and one host of the bus, partition", partition("gateway-1", "bus-2")),
            ("gateway and the bus, partition", partition("gateway-1", _ALL)),
            ("gateway to one host of the bus, loss", lose("gateway-1", "bus-2")),
            ("one host of the bus to gateway, loss", lose("bus-2", "gateway-1")),
        )
    ),
    *(
        Scenario(name=name, begin=begin, end=heal, told="", lasts_s=_ONE_LASTS_S)
        for name, begin in (
            ("poller and one host of the bus, partition", partition("poller-1", "bus-2")),
            ("poller and the bus, partition", partition("poller-1", _ALL)),
            ("poller to one host of the bus, loss", lose("poller-1", "bus-2")),
            ("one host of the bus to poller, loss", lose("bus-2", "poller-1")),
        )
    ),
    *(
        Scenario(
            name=f"leading poller and {which}, partition; another stands by",
            begin=partition("poller-1", hosts),
            end=heal,
            stand_by=True,
            affects="some",
            told="",
            passes="all",
            lasts_s=12,
        )
        for which, hosts in (("the host with the lease", "bus-1"), ("another host", "bus-2"), ("the bus", _ALL))
    ),
)
"""Of a Valkey Cluster on three hosts, of which each has a primary and a replica of another's."""

OF_KAFKA = (
    Scenario(
        name="a broker's host dies; the two others go on",
        begin=die("bus-1"),
        end=start_host_of_bus("bus-1"),
        told="",
        passes="all",
        lasts_s=_LASTS_S,
        back_within_s=_LASTS_S,
    ),
    Scenario(
        name="one broker and the two others, partition",
        begin=partition("bus-1", "bus-2 bus-3"),
        end=heal,
        told="",
        passes="all",
        # The one is still asked, and has to be found out by each.
        lasts_s=30,
        back_within_s=30,
    ),
    *(
        Scenario(name=name, begin=begin, end=heal, affects="half", told="", lasts_s=_ONE_LASTS_S)
        for name, begin in (
            ("gateway and one broker, partition", partition("gateway-1", "bus-1")),
            ("gateway and the brokers, partition", partition("gateway-1", _ALL)),
            ("gateway to the brokers, loss", lose("gateway-1", _ALL)),
            ("the brokers to gateway, loss", lose(_ALL, "gateway-1")),
        )
    ),
    *(
        Scenario(name=name, begin=begin, end=heal, told="", lasts_s=_ONE_LASTS_S)
        for name, begin in (
            ("poller and the brokers, partition", partition("poller-1", _ALL)),
            ("poller to the brokers, loss", lose("poller-1", _ALL)),
            ("the brokers to poller, loss", lose(_ALL, "poller-1")),
            ("poller and store, partition", partition("poller-1", "store")),
        )
    ),
    Scenario(
        name="store's host dies, and is started again",
        begin=die("store"),
        end=start_host_of_bus("store"),
        told="",
        lasts_s=_ONE_LASTS_S,
    ),
    Scenario(
        name="leading poller and the brokers, partition; another stands by",
        begin=partition("poller-1", _ALL),
        end=heal,
        stand_by=True,
        affects="some",
        told="",
        passes="all",
        lasts_s=12,
    ),
)
"""Of three Kafka brokers and a store, each on a host of its own."""

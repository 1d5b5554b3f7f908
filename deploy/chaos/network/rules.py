"""The text of a table of nftables that drops packets of a deployment, and nothing else.

A packet to an address of this machine passes ``output`` and then ``input``; the process that sends it is known in the
first alone, the one that receives it in the second. It is dropped in the second, as a network would: a sender is told
of what is dropped in ``output``, and tries again at once. So the first marks what the second drops.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from deploy.chaos.network.connections import Place

DROPPED: Final = "dropped"
"""The name of the counter of all that is dropped."""
_MARK: Final = 0x74636B67
_KINDS: Final = (("ip", "ipv4_addr", 4), ("ip6", "ipv6_addr", 6))


class Whose(Struct, frozen=True):
    """The packets of one process."""

    group: str
    """Its cgroup, for connections that it makes from now on; a path as nft wants it."""
    level: int
    """Of the cgroup, from the root."""
    ports: tuple[int, ...]
    """Of its connections so far, on its side."""


class Loss(Struct, frozen=True):
    """What is dropped of the packets to and from some places."""

    places: tuple[Place, ...]
    to: bool
    """Whether those to the places are."""
    back: bool
    """Whether those from them are."""
    whose: Whose | None
    """None for everybody's on this machine."""


def table(name: str, loss: Loss, for_ms: int) -> str:
    """The table, for ``nft -f``. The places are elements that run out: then it drops nothing, whoever still lives."""
    # One of the same name is from a program of the same number, which was killed with its keeper.
    anew = f"add table inet {name}", f"delete table inet {name}"
    return "\n".join((*anew, f"table inet {name} {{", *_sets(loss, for_ms), *_output(loss), *_input(loss), "}", ""))


def _sets(loss: Loss, for_ms: int) -> Iterator[str]:
    yield f"counter {DROPPED} {{ }}"
    for _, kind, version in _KINDS:
        places = [place for place in loss.places if (":" in place.host) == (version == 6)]
        elements = ", ".join(f"{place.host} . {place.port} timeout {for_ms}ms" for place in places)
        yield f"set places{version} {{ type {kind} . inet_service; flags timeout"
        if elements:
            yield f"elements = {{ {elements} }}"
        yield "}"


def _output(loss: Loss) -> Iterator[str]:
    yield "chain output { type filter hook output priority mangle; policy accept;"
    if loss.to:
        for kind, _, version in _KINDS:
            to = f"{kind} daddr . tcp dport @places{version}"
            for process in _processes(loss.whose, "sport"):
                if loss.whose is not None:
                    yield f'{to} oifname "lo" {process} meta mark set {_MARK:#x}'
                yield f'{to} oifname != "lo" {process} counter name {DROPPED} drop'
    yield "}"


def _input(loss: Loss) -> Iterator[str]:
    yield "chain input { type filter hook input priority mangle; policy accept;"
    for kind, _, version in _KINDS:
        if loss.to:
            marked = "" if loss.whose is None else f"meta mark {_MARK:#x}"
            yield f"{kind} daddr . tcp dport @places{version} {marked} counter name {DROPPED} drop"
        if loss.back:
            for process in _processes(loss.whose, "dport"):
                yield f"{kind} saddr . tcp sport @places{version} {process} counter name {DROPPED} drop"
    yield "}"


def _processes(whose: Whose | None, own: str) -> Sequence[str]:
    """What matches the packets of a process, one of them each."""
    if whose is None:
        return ("",)
    ports = ", ".join(map(str, whose.ports))
    of_group = f'socket cgroupv2 level {whose.level} "{whose.group}"'
    return (of_group, f"tcp {own} {{ {ports} }}") if ports else (of_group,)

"""The kernel's settings of deploy/sysctl, as `sysctl --system` reads them."""

import re
from pathlib import Path

import pytest

from tests.integration.hosts import namespaces

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "sysctl" / "99-tickgate.conf"
_LINE = re.compile(r"(-?)([a-z0-9_.]+) = (\d+(?: \d+)*)")


def lines() -> list[re.Match[str]]:
    """The settings, by the grammar of sysctl.conf(5): a dash for one that may be missing, name, value."""
    text = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    matches = [_LINE.fullmatch(line) for line in text]
    assert None not in matches, text
    return [match for match in matches if match]


def value(name: str) -> list[int]:
    """The numbers of a setting, which is there once."""
    (found,) = [line[3] for line in lines() if line[2] == name]
    return [int(number) for number in found.split()]


@pytest.mark.parametrize("name", [line[2] for line in lines()])
def test_this_kernel_knows_each(name: str) -> None:
    """With as many numbers as are given to it; those of other programs' modules may be missing."""
    (optional,) = [bool(line[1]) for line in lines() if line[2] == name]
    path = Path("/proc/sys", *name.split("."))
    if not path.exists() and (optional or is_contained()):
        pytest.skip("it is not there in a container, or without a firewall")
    assert len(path.read_text(encoding="ascii").split()) == len(value(name))


def is_contained() -> bool:
    """Whether this is a network of its own, which lacks what the whole machine has."""
    return not Path("/proc/sys/net/core/netdev_max_backlog").exists()


def test_the_kernel_takes_each_value() -> None:
    """Those of a network are written to one of its own, and read again."""
    if reason := namespaces.why_not():
        pytest.skip(reason)
    namespace = namespaces.Namespace()
    taken = []
    try:
        for line in lines():
            # What the whole machine has is not there.
            path = Path("/proc/sys", *line[2].split("."))
            with namespace.entered():
                if not line[1] and line[2].startswith("net.") and path.exists():
                    path.write_text(line[3], encoding="ascii")
                    assert path.read_text(encoding="ascii").split() == line[3].split()
                    taken.append(line[2])
    finally:
        namespace.close()
    assert {"net.core.somaxconn", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_slow_start_after_idle"} <= {*taken}


def test_each_has_its_reason_and_its_default() -> None:
    """In a comment above it."""
    groups = [group for group in FILE.read_text(encoding="utf-8").strip().split("\n\n") if _LINE.search(group)]
    assert len(groups) == len(lines())
    for group in groups:
        comment = [line for line in group.splitlines() if line.startswith("#")]
        assert len(comment) == group.count("\n"), group
        assert re.search(r"\[.+\]", " ".join(comment)), group


def test_there_is_room_for_as_many_clients_as_it_says() -> None:
    """Two gateways take 100,000 connections of the front, and the sockets' memory is enough for 64 KB each."""
    first, last = value("net.ipv4.ip_local_port_range")
    assert 2 * (last - first) > 100_000
    assert value("net.ipv4.tcp_mem")[-1] * 4096 > 100_000 * 64 * 1024

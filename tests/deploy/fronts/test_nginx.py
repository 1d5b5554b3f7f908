"""``deploy/nginx.conf``, filled in."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.errors import DeployError
from deploy.fronts import nginx
from tests.deploy.fronts.test_values import front


def _key(address: str) -> str:
    """What the limits of an address are counted under, by the map of the configuration itself."""
    block = nginx.configuration(front()).partition("map $remote_addr $prefix {")[2].partition("}\n    map")[0]
    for pattern, name in re.findall(r'"~(\^.*)"\s+\$(\w+);', block):
        if match := re.match(pattern.replace("(?<", "(?P<"), address):
            return str(match[name])
    return address


@given(st.ip_addresses(v=6))
def test_ipv6_addresses_are_counted_by_their_first_64_bits(address: ipaddress.IPv6Address) -> None:
    """However their zeros are written, all of a /64 have one key, and no other has it."""
    _same_key(address)


@given(st.lists(st.sampled_from((0, 0, 1, 0xABCD)), min_size=8, max_size=8))
def test_so_are_addresses_with_many_zeros(groups: list[int]) -> None:
    """Wherever the longest run of zeros stands."""
    _same_key(ipaddress.IPv6Address(b"".join(group.to_bytes(2) for group in groups)))


def _same_key(address: ipaddress.IPv6Address) -> None:
    key = _key(str(address))
    # What a key says of the first four groups, with what :: stands for.
    head, double, tail = key.partition("::")
    left, right = ([int(group, 16) for group in part.split(":") if group] for part in (head, tail))
    assert double or len(left) == 4
    groups = [*left, *[0] * (4 - len(left) - len(right)), *right]
    assert groups == [int.from_bytes(address.packed[at : at + 2]) for at in range(0, 8, 2)]


def test_an_ipv4_address_is_counted_by_itself() -> None:
    """And so is one in the form of IPv6."""
    assert (_key("203.0.113.7"), _key("::ffff:203.0.113.7")) == ("203.0.113.7", "::ffff:203.0.113.7")


def test_a_limit_of_none_is_not_there() -> None:
    """0 means no limit, as in HAProxy."""
    none = front(
        TICKGATE_MAX_CONNECTIONS_PER_IP="0", TICKGATE_CONNECT_RATE_PER_IP="0", TICKGATE_REQUEST_RATE_PER_IP="0"
    )
    limits = re.findall(r"^ +(?:limit_conn|limit_req) (.*);", nginx.configuration(none), re.MULTILINE)
    assert limits == ["all 40000"]
    limits = re.findall(r"^ +(?:limit_conn|limit_req) (.*);", nginx.configuration(front()), re.MULTILINE)
    assert len(limits) == 4


def test_without_nginx_the_start_is_refused_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setattr(nginx, "find_nginx", lambda: None)
    with pytest.raises(DeployError, match="apt-get install nginx"):
        nginx.command(front(), None)  # type: ignore[arg-type] # nothing is written

"""Whose word about an address is taken."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admission.address import TrustedProxies, is_every_address, is_loopback, is_private, limit_key, spelled
from market.settings.environ import SettingError

PROXY = "10.0.0.1"
TRUSTED = TrustedProxies.parse(PROXY)

ADDRESSES = st.one_of(st.ip_addresses(), st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
CLAIMS = st.lists(
    st.one_of(
        st.text(),
        ADDRESSES,
        st.lists(st.one_of(ADDRESSES, st.text("0123456789abcdef.:[]% ,", max_size=60))).map(", ".join),
    ),
    max_size=4,
)
"""What anybody may write into `X-Forwarded-For`, line by line."""


def test_the_address_that_a_trusted_proxy_saw_is_the_client() -> None:
    """The last entry, which the trusted proxy added, is the client's address."""
    assert "203.0.113.7" == TRUSTED.client(PROXY, ["6.6.6.6, 203.0.113.7"])
    assert "203.0.113.7" == TRUSTED.client(PROXY, ["6.6.6.6", "203.0.113.7"])
    assert "203.0.113.7" == TRUSTED.client(PROXY, ["203.0.113.7"])


def test_with_two_proxies_the_outer_one_is_believed() -> None:
    """With two hops the second entry from the right counts, over all lines of the header."""
    trusted = TrustedProxies.parse("10.0.0.0/8", hops=2)
    assert "203.0.113.7" == trusted.client(PROXY, ["6.6.6.6, 203.0.113.7, 10.0.0.9"])
    assert "203.0.113.7" == trusted.client(PROXY, ["6.6.6.6", "203.0.113.7", "10.0.0.9"])


def test_nobody_else_is_believed() -> None:
    """A peer that is not a listed proxy counts by its own address, whatever it writes."""
    assert "192.0.2.1" == TRUSTED.client("192.0.2.1", ["203.0.113.7"])
    assert "127.0.0.1" == TrustedProxies().client("127.0.0.1", ["203.0.113.7"])


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["unknown"],
        ["_hidden"],
        ["203.0.113.7, unknown"],
        ["203.0.113.7,"],
        ["203.0.113.7", ""],
        ["203.0.113.7, 1.2.3"],
        ["203.0.113.7, 1.2.3.4:"],
        ["203.0.113.7, 1.2.3.4:port"],
        ["203.0.113.7, 1.2.3.4:567890"],
        ["203.0.113.7, [::1"],
        ["203.0.113.7, ::1]"],
        ["203.0.113.7, fe80::1%eth0"],
        ["203.0.113.7, 1.2.3.4 5.6.7.8"],
        ["203.0.113.7, ٣.1.1.1"],
        ["203.0.113.7, " + "1" * 10_000],
        ["203.0.113.7, " + " " * 100 + ":" * 100],
    ],
)
def test_what_is_no_address_gives_the_proxys_own(lines: list[str]) -> None:
    """An entry that is no address gives the proxy's own address, never an entry further left."""
    assert PROXY == TRUSTED.client(PROXY, lines)


def test_fewer_entries_than_hops_give_the_proxys_own() -> None:
    """With fewer entries than hops the proxy's own address counts."""
    assert PROXY == TrustedProxies.parse(PROXY, hops=2).client(PROXY, ["203.0.113.7"])


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("1.2.3.4:567", "1.2.3.4"),
        ("[2001:db8::1]:567", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("2001:db8::5:67", "2001:db8::5:67"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[::ffff:1.2.3.4]:5", "1.2.3.4"),
        ("\t1.2.3.4 ", "1.2.3.4"),
    ],
)
def test_an_address_has_one_spelling(entry: str, expected: str) -> None:
    """An address has one spelling: without port, IPv4 instead of mapped IPv6, and short IPv6."""
    assert expected == TRUSTED.client(PROXY, [entry])


def test_a_peer_is_recognised_however_its_address_is_written() -> None:
    """A dual-stack socket shows IPv4 mapped into IPv6, and a link-local address with its scope."""
    trusted = TrustedProxies.parse("10.0.0.1, fe80::/10 ,::ffff:192.0.2.0/120")
    for peer in ("10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "192.0.2.9"):
        assert trusted.trusts(peer), peer
    for stranger in ("10.0.0.2", "::ffff:10.0.0.2", "fd00::1", "::1", "", None, "nonsense"):
        assert not trusted.trusts(stranger), stranger
    assert ("10.0.0.2", "fe80::1") == (spelled("::ffff:10.0.0.2"), spelled("fe80::1%eth0"))


def test_a_unix_socket_is_trusted_by_its_own_word() -> None:
    """A peer on a Unix socket is believed only with ``unix`` in the list; otherwise its address is ``unix``."""
    for peer in ("", None):
        assert "unix" == TRUSTED.client(peer, ["203.0.113.7"])
        assert "203.0.113.7" == TrustedProxies.parse("unix").client(peer, ["203.0.113.7"])
        assert "unix" == TrustedProxies.parse("unix").client(peer, ["garbage"])


def test_an_empty_list_trusts_nobody() -> None:
    """An unset or empty list, or one of commas, trusts no proxy."""
    assert TrustedProxies() == TrustedProxies.parse("") == TrustedProxies.parse(" , ,")


@pytest.mark.parametrize(
    "value", ["haproxy", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1:80", "[::1]", "*", "1.2.3.4 5.6.7.8"]
)
def test_a_proxy_that_is_no_address_stops_the_start(value: str) -> None:
    """The error names the variable, the entry and how to write one."""
    with pytest.raises(SettingError, match=r"^TRUSTED_PROXIES has .*10\.0\.0\.0/8"):
        TrustedProxies.parse(f"127.0.0.1,{value}")


def test_ipv6_is_counted_per_64() -> None:
    """All addresses of one /64 are one client, two /64s are two, and IPv4 counts as it is."""
    assert "2001:db8::/64" == limit_key("2001:db8::1") == limit_key("2001:db8::ffff:ffff:ffff:ffff")
    assert "2001:db8:0:1::/64" == limit_key("2001:db8:0:1::1")
    assert ("192.0.2.1", "unix") == (limit_key("192.0.2.1"), limit_key("unix"))


def test_what_is_loopback() -> None:
    """Loopback addresses are those that only this machine can reach; 0.0.0.0 is not."""
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "", "10.0.0.1", "example.com", "localhost.example.com")))  # noqa: S104 # nothing listens


@settings(deadline=None)
@given(CLAIMS, st.integers(1, 5), st.one_of(ADDRESSES, st.text(), st.none()))
def test_no_header_ends_anything(lines: list[str], hops: int, peer: str | None) -> None:
    """Any header gives an address of bounded length, with one key per address."""
    for trusted in (TrustedProxies.parse("0.0.0.0/0,::/0,unix", hops), TrustedProxies.parse(PROXY, hops)):
        address = trusted.client(peer, lines)
        assert address in ("unix", peer) or len(address) <= 39
        assert limit_key(address) == limit_key(address)


@settings(deadline=None)
@given(CLAIMS, st.integers(1, 3), ADDRESSES.filter(lambda address: spelled(address) != PROXY))
def test_a_client_without_a_proxy_cannot_choose_its_address(claims: list[str], hops: int, client: str) -> None:
    """A client without a proxy cannot choose its address."""
    assert spelled(client) == TrustedProxies.parse(PROXY, hops).client(client, claims)


@settings(deadline=None)
@given(CLAIMS, st.lists(ADDRESSES, min_size=1, max_size=4), st.booleans())
def test_a_client_behind_proxies_cannot_choose_its_address(claims: list[str], chain: list[str], joined: bool) -> None:
    """A client behind proxies cannot choose its address: the outermost proxy's entry counts."""
    lines = list(claims)
    for seen in chain:
        if joined and lines:
            lines[-1] += f", {seen}"
        else:
            lines.append(seen)
    assert spelled(chain[0]) == TrustedProxies.parse(PROXY, hops=len(chain)).client(PROXY, lines)


@settings(deadline=None)
@given(ADDRESSES)
def test_a_key_is_the_same_for_all_of_a_network(address: str) -> None:
    """The key of an IPv4 address is itself, of an IPv6 address its /64."""
    parsed = ip_address(spelled(address))
    key = limit_key(address)
    if parsed.version == 4:
        assert str(parsed) == key
    else:
        network, _, length = key.partition("/")
        assert "64" == length
        assert int(parsed) >> 64 << 64 == int(ip_address(network))


@pytest.mark.parametrize(
    ("name", "private"),
    [
        (("127.0.0.1", 80), True),
        (("::1", 80, 0, 0), True),
        (("::ffff:127.0.0.1", 80, 0, 0), True),
        (("0.0.0.0", 80), False),  # noqa: S104 - that is the point
        (("::", 80, 0, 0), False),
        (("192.0.2.1", 80), False),
        ("/run/tickgate", True),
        ("", True),
    ],
)
def test_what_only_this_machine_reaches(name: object, private: bool) -> None:
    """Loopback addresses and Unix sockets are reached by this machine only."""
    assert private == is_private(name)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("::", True),
        ("0:0::0", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::1", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_every_address_of_both_families_is_meant_by_ipv6s(host: str | None, expected: bool) -> None:
    """The IPv6 wildcard means all addresses of both families, in any spelling."""
    assert expected == is_every_address(host)

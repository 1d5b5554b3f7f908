"""What may stand in the URL of a cluster, and what is said of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bus import BusUrlError, open_bus
from market.bus.redis.cluster.connection.url import Address, parse_cluster_url


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis+cluster://a:7000,b:7001", [("a", 7000), ("b", 7001)]),
        ("redis+cluster://a", [("a", 6379)]),
        ("redis+cluster://a,10.0.0.1:1/", [("a", 6379), ("10.0.0.1", 1)]),
        ("redis+cluster://a,b/0?client_name=x", [("a", 6379), ("b", 6379)]),
        ("redis+cluster://u:p%2Cq@[::1]:7000,[::2]", [("::1", 7000), ("::2", 6379)]),
        ("redis+cluster://u,v:p,q@a,b", [("a", 6379), ("b", 6379)]),
        ("rediss+cluster://a,b?ssl_cert_reqs=none", [("a", 6379), ("b", 6379)]),
        ("redis+cluster://a?db=0", [("a", 6379)]),
    ],
)
def test_what_a_url_means(url: str, nodes: list[tuple[str, int]]) -> None:
    """The nodes are as written; user, password and options are the same for each of them."""
    parsed = parse_cluster_url(url)
    assert nodes == list(parsed.addresses)
    first = parsed.nodes[0]
    for node in parsed.nodes:
        assert (first.username, first.password, first.client_name, first.tls) == (
            *(node.username, node.password, node.client_name),
            node.tls,
        )
    assert (first.tls is not None) == url.startswith("rediss")


def test_credentials_are_for_nodes_that_are_learned_too() -> None:
    """A node that the URL does not name is dialled with the same credentials, and shown without them."""
    parsed = parse_cluster_url("redis+cluster://us:sesame@a:7000,b?client_name=x")
    other = parsed.of(Address("::9", 7))
    assert ("::9", 7, "us", "sesame", "x", 0) == (
        *(other.host, other.port, other.username, other.password),
        *(other.client_name, other.db),
    )
    assert "a:7000,b:6379" == parsed.place
    assert "[::9]:7" == str(Address("::9", 7))
    assert "sesame" not in repr(parsed)
    assert "sesame" not in str(parsed.__rich_repr__())
    assert "redis cluster a:7000,b:6379" == open_bus("redis+cluster://us:sesame@a:7000,b").name


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+cluster://", "write redis+cluster://host:port,host:port, an IPv6 address in brackets"),
        ("redis+cluster://a,", "write redis+cluster://host:port,host:port"),
        ("redis+cluster://,a", "host and port"),
        ("redis+cluster://a,,b", "host and port"),
        ("redis+cluster://a:1,b:99999", "host and port"),
        ("redis+cluster://a;b", "host and port"),
        ("redis+cluster://a,a:6379", "a node twice"),
        ("redis+cluster://a,b/1", "none but number 0"),
        ("redis+cluster://a,b/x", "none but number 0"),
        ("redis+cluster://a,b?db=2", "none but number 0"),
        ("redis+cluster://a,b?ssl_cert_reqs=none", "write rediss+cluster://host:port,host:port"),
        ("redis+cluster://a,b?protocol=3", "protocol"),
        ("redis+cluster://a,b?nonsense=1", "option nonsense, which is not known"),
        ("redis+cluster://a?password=sesame", "write redis+cluster://user:password@host:port,host:port"),
        ("redis+cluster://us:se/same@a,b", "redis+cluster://user:pass%2Fword@host:port,host:port"),
        ("redis+cluster://us:se@same@a,b", "%40"),
        ("redis+cluster://us:se#same@a,b", "%23"),
    ],
)
def test_what_is_refused(url: str, said: str) -> None:
    """Whatever is not understood as a whole is refused in one line that says what to write."""
    with pytest.raises(BusUrlError) as refusal:
        open_bus(url)
    message = str(refusal.value)
    assert said in message
    assert "same" not in message
    assert "\n" not in message
    assert "redis://" not in message
    assert "rediss://" not in message


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_secret_is_shown(user: str, password: str) -> None:
    """Whatever is in place of user and password, nothing of it is in an error."""
    with pytest.raises(BusUrlError) as refusal:
        parse_cluster_url(f"redis+cluster://{user}:sesame{password}@host:port")
    assert "sesame" not in str(refusal.value)

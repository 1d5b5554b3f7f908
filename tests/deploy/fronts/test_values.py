"""What the variables of ``haproxy.cfg`` say."""

import pytest

from deploy.errors import DeployError
from deploy.fronts.addresses import Listening
from deploy.fronts.values import Front, read
from deploy.ports import Address

ADDRESS = Address("127.0.0.1", 8080, "TICKGATE_BIND")
AT = Listening(ADDRESS, ADDRESS, None)


def front(**variables: str) -> Front:
    """A front with these variables and nothing else."""
    return read(variables, AT, [ADDRESS])


def test_the_defaults_are_those_of_haproxy_cfg() -> None:
    """Each as its header says."""
    made = front()
    assert (made.max_connections, made.connections_per_ip, made.connects_per_10_s) == (40_000, 500, 500)
    assert (made.requests_per_10_s, made.unread_s, made.hard_stop_s) == (1000, 20, 12 * 3600)
    assert (made.trusted_proxies, made.hops, made.certificate) == ((), 1, "")


def test_an_empty_variable_counts_as_unset() -> None:
    """As elsewhere."""
    assert front(TICKGATE_UNREAD_TIMEOUT="", TICKGATE_MAX_CONNECTIONS_PER_IP="").unread_s == 20


def test_values_are_read_as_haproxy_reads_them() -> None:
    """Times with their units, networks with spaces between."""
    made = front(
        TICKGATE_UNREAD_TIMEOUT="1500ms",
        TICKGATE_HARD_STOP_AFTER="2d",
        TICKGATE_TRUSTED_PROXIES=" 10.0.0.1  fd00::/8 ",
        TICKGATE_CONNECT_RATE_PER_IP="0",
    )
    assert (made.unread_s, made.hard_stop_s, made.connects_per_10_s) == (2, 172_800, 0)
    assert made.trusted_proxies == ("10.0.0.1/32", "fd00::/8")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TICKGATE_TRUSTED_PROXIES", "10.0.0.1,10.0.0.2"),
        ("TICKGATE_ACCEPT_PROXY", "balancer.example"),
        ("TICKGATE_MAX_CONNECTIONS", "many"),
        ("TICKGATE_MAX_CONNECTIONS", "0"),
        ("TICKGATE_REQUEST_RATE_PER_IP", "-1"),
        ("TICKGATE_UNREAD_TIMEOUT", "0"),
        ("TICKGATE_HARD_STOP_AFTER", "soon"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    """With the variable first."""
    with pytest.raises(DeployError, match=f"^{name}"):
        front(**{name: value})

"""Addresses: read, and looked at before anything is started."""

import socket

import pytest

from deploy.errors import DeployError
from deploy.ports import Address, free_port, parse_address, require_free


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:8080", "127.0.0.1", 8080), ("localhost:1", "localhost", 1), ("[::1]:65535", "::1", 65535)],
)
def test_an_address_is_read_and_written_the_same(text: str, host: str, port: int) -> None:
    """Host and port come out of ``host:port`` and go back into it, IPv6 brackets included."""
    address = parse_address("BIND", text)
    assert address == Address(host, port, "BIND")
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "host:", "host:0", "host:65536", "host:80a", "host:-1", "host:²", "a:1 "]
)
def test_what_is_no_address_is_refused_by_its_variable_s_name(text: str) -> None:
    """The error names the variable and shows how to write one."""
    with pytest.raises(DeployError, match=r"BIND=.*host:port"):
        parse_address("BIND", text)


def test_a_port_in_use_is_refused_by_its_variable_s_name() -> None:
    """Who listens there already is found before anything is started."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = Address("127.0.0.1", listener.getsockname()[1], "BIND")
        with pytest.raises(DeployError, match=r"in use.*set BIND to another"):
            require_free(address)


def test_a_free_port_is_accepted_again_and_again() -> None:
    """Looking leaves nothing behind that would take the port."""
    address = Address("127.0.0.1", free_port(), "BIND")
    require_free(address)
    require_free(address)


def test_a_host_that_is_not_this_machine_is_refused() -> None:
    """An address of somebody else's (RFC 5737, TEST-NET-1) cannot be listened on, and it is said why."""
    with pytest.raises(DeployError, match=r"cannot be used.*BIND"):
        require_free(Address("192.0.2.1", 8080, "BIND"))

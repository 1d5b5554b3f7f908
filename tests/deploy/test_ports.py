"""Addresses: read, and looked at before anything is started."""

import socket
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from deploy.errors import DeployError
from deploy.ports import Address, Reservations, free_port, parse_address, require_free
from deploy.process.processes import ROOT


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
    with pytest.raises(DeployError, match=r"cannot be used \(.*name an address of this machine.*BIND") as caught:
        require_free(Address("192.0.2.1", 8080, "BIND"))
    assert "end what listens" not in str(caught.value)


RESERVE = """
import sys
from pathlib import Path
from deploy.ports import Reservations

reservations = Reservations(Path(sys.argv[1]))
print([reservations.take(port) for port in (4001, 4002)], flush=True)
sys.stdin.read()
"""


def test_a_port_is_reserved_for_one_until_its_process_ends(tmp_path: Path) -> None:
    """Neither this process nor another is given it a second time; when its process has ended, it is free again."""
    reservations = Reservations(tmp_path / "ports")
    assert reservations.take(4001)
    assert not reservations.take(4001)
    with subprocess.Popen(
        (sys.executable, "-c", RESERVE, tmp_path / "ports"), cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "[False, True]\n"
        assert not reservations.take(4002)
        other.kill()
    assert reservations.take(4002)


def test_free_ports_are_all_different() -> None:
    """Whoever asks for many, before anybody listens, gets no port twice."""
    # Of some twenty thousand: two of these would be the same more often than not.
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)

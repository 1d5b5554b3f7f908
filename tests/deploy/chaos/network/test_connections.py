"""TCP connections of a process."""

import os
import socket
import sys

import pytest

from deploy.chaos.network.connections import Connection, Place, connections_of, established, plain, resolved

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:A52E 0100007F:18EB 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0 20 4 30 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000200007F:8CA0 01 0:0 00:0 0 0 0 13 1
   1: 00000000000000000000000001000000:0001 B80D0120000000000000000001000000:0002 01 0:0 00:0 0 0 0 14 1
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the tables are those of a little-endian machine")
def test_tables_of_the_kernel_are_read() -> None:
    """What only listens is no connection; IPv4 in IPv6 is IPv4."""
    of_4 = ("12", Connection(Place("127.0.0.1", 42286), Place("127.0.0.1", 6379)))
    assert [of_4] == list(established(TCP))
    mapped = ("13", Connection(Place("127.0.0.1", 8080), Place("127.0.0.2", 36000)))
    of_6 = ("14", Connection(Place("::1", 1), Place("2001:db8::1", 2)))
    assert [mapped, of_6] == list(established(TCP6))


def test_those_of_one_process_are_found() -> None:
    """Of both ends that this one holds, and of no process that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        taken, _ = server.accept()
        with taken:
            here, there = Place(*client.getsockname()), Place(*server.getsockname())
            assert {Connection(here, there), Connection(there, here)} <= set(connections_of(os.getpid()))
    assert [] == connections_of(2**22 + 1)


def test_an_address_has_one_form() -> None:
    """As the kernel's tables and ``ss`` have it."""
    assert ["127.0.0.1", "::1"] == [plain("::ffff:127.0.0.1"), plain("0:0::1")]
    assert [Place("127.0.0.1", 5)] == resolved("127.0.0.1", 5)
    assert ("127.0.0.1:5", "[::1]:5") == (str(Place("127.0.0.1", 5)), str(Place("::1", 5)))

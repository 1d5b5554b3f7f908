"""The PROXY protocol: headers as balancers write them, whole, in pieces, and wrong."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.proxy_header import LONGEST_1, LONGEST_2, Header, HeaderError, read

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version_2(command: int, family: int, body: bytes) -> bytes:
    """A header of version 2."""
    return SIGNATURE + struct.pack(">BBH", command, family, len(body)) + body


IPV4 = bytes((192, 0, 2, 7, 10, 0, 0, 1)) + struct.pack(">HH", 40_000, 443)
IPV6 = bytes.fromhex("20010db8" + "00" * 11 + "07" + "20010db8" + "00" * 11 + "01") + struct.pack(">HH", 40_000, 443)

WHOLE = {
    b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\n": "192.0.2.7",
    b"PROXY TCP6 2001:db8::7 2001:DB8::1 40000 443\r\n": "2001:db8::7",
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff::1 whatever\r\n": None,
    version_2(0x21, 0x11, IPV4): "192.0.2.7",
    version_2(0x21, 0x21, IPV6): "2001:db8::7",
    # What follows the addresses are TLVs.
    version_2(0x21, 0x11, IPV4 + b"\x03\0\x04abcd"): "192.0.2.7",
    # A health check of the balancer; a Unix socket in front of it; a datagram.
    version_2(0x20, 0x00, b""): None,
    version_2(0x20, 0x11, IPV4): None,
    version_2(0x21, 0x31, bytes(216)): None,
    version_2(0x21, 0x12, IPV4): None,
}


@pytest.mark.parametrize(("data", "client"), WHOLE.items())
def test_a_header_names_the_client(data: bytes, client: str | None) -> None:
    """Both versions are read; what follows is the client's, even if that looks like a header."""
    assert Header(client, len(data)) == read(data) == read(data + b"GET / HTTP/1.1\r\n") == read(data + data)


@given(st.sampled_from([*WHOLE]), st.data())
def test_a_header_may_come_in_pieces(data: bytes, draw: st.DataObject) -> None:
    """The beginning of a header is not whole yet, and not wrong."""
    assert read(data[: draw.draw(st.integers(0, len(data) - 1))]) is None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"GET / HTTP/1.1\r\n", "does not begin with a PROXY header"),
        (b"\x16\x03\x01", "does not begin with a PROXY header"),
        (b"PROXY TCP4 192.0.2.7" + bytes(LONGEST_1), "does not end"),
        (b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", "says no addresses"),
        (b"PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n", "says no addresses"),
        (b"PROXY TCP4 192.0.2.700 192.0.2.8 1 2\r\n", "says no addresses"),
        (b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3\r\n", "says no addresses"),
        (b"PROXY \r\n", "says no addresses"),
        (version_2(0x11, 0x11, IPV4), "unknown version or command"),
        (version_2(0x22, 0x11, IPV4), "unknown version or command"),
        (version_2(0x21, 0x11, IPV4[:-1]), "without room for its addresses"),
        (version_2(0x21, 0x21, IPV4), "without room for its addresses"),
        (version_2(0x21, 0x11, bytes(LONGEST_2))[:16], "at most"),
    ],
)
def test_what_is_no_header_is_told_so(data: bytes, problem: str) -> None:
    """The message says what is wrong, as soon as that can be known."""
    with pytest.raises(HeaderError, match=problem):
        read(data)


@given(st.binary(max_size=300))
def test_nothing_else_happens_whatever_comes(data: bytes) -> None:
    """Any bytes are a header, the beginning of one, or a HeaderError."""
    for prefix in (b"", b"PROXY TCP4 ", SIGNATURE + b"\x21"):
        try:
            header = read(prefix + data)
        except HeaderError:
            continue
        assert header is None or header.length <= len(prefix + data)

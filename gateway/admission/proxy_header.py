"""The PROXY protocol of layer-4 balancers: the client's address, before everything else that a connection brings.

Versions 1 and 2 as HAProxy's doc/proxy-protocol.txt describes them. No I/O. A balancer that checks whether we are alive
announces nobody (``LOCAL``, ``UNKNOWN``).
"""

import re
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from msgspec import Struct

LONGEST_1: Final = 107
"""The longest header of version 1, with its CRLF (section 2.1)."""
LONGEST_2: Final = 16 + 2_048
"""We take no longer one of version 2. It has at most some hundred bytes, unless TLVs carry certificates."""

_SIGNATURE_2: Final = b"\r\n\r\n\0\r\nQUIT\n"
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_LINE: Final = re.compile(rb"PROXY (TCP[46]) ([0-9a-fA-F.:]{2,39}) ([0-9a-fA-F.:]{2,39}) [0-9]{1,5} [0-9]{1,5}")


class Header(Struct, frozen=True):
    """A whole header."""

    client: str | None
    """The client's address; None if the balancer speaks for itself, or not of TCP over IP."""
    length: int
    """Bytes of the header; what follows is the client's."""


class HeaderError(ValueError):
    """What came is no PROXY header; the message says why."""


def read(data: bytes) -> Header | None:
    """The header that ``data`` begins with; None while it is not whole.

    Raises:
        HeaderError: it is none.
    """
    if data[: len(_SIGNATURE_2)] == _SIGNATURE_2[: len(data)]:
        return _read_2(data)
    if data[:6] == b"PROXY "[: len(data)]:
        return _read_1(data)
    raise HeaderError("the connection does not begin with a PROXY header")


def _read_1(data: bytes) -> Header | None:
    line, end, _ = data[:LONGEST_1].partition(b"\r\n")
    if not end:
        if len(data) >= LONGEST_1:
            raise HeaderError("a PROXY header of version 1 that does not end")
        return None
    length = len(line) + 2
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return Header(None, length)
    match = _LINE.fullmatch(line)
    try:
        addresses = [ip_address(text.decode()) for text in match.group(2, 3)] if match else []
    except ValueError:
        addresses = []
    kind = IPv4Address if match and match[1] == b"TCP4" else IPv6Address
    if not addresses or not all(isinstance(address, kind) for address in addresses):
        raise HeaderError("a PROXY header of version 1 that says no addresses")
    return Header(str(addresses[0]), length)


def _read_2(data: bytes) -> Header | None:
    if len(data) < 16:
        return None
    command, family, size = struct.unpack(">BBH", data[12:16])
    length = 16 + size
    if command not in (_LOCAL, _PROXY):
        raise HeaderError("a PROXY header of an unknown version or command")
    if length > LONGEST_2:
        raise HeaderError(f"a PROXY header of {length} bytes; at most {LONGEST_2} are taken")
    if len(data) < length:
        return None
    if command == _LOCAL or family not in (_TCP4, _TCP6):
        return Header(None, length)
    needed, width, kind = (12, 4, IPv4Address) if family == _TCP4 else (36, 16, IPv6Address)
    if size < needed:
        raise HeaderError("a PROXY header of version 2 without room for its addresses")
    return Header(str(kind(data[16 : 16 + width])), length)

"""A name server for tests, with names that come, change and go (RFC 1035 in its simplest form)."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import cast

_A, _SRV = 1, 33
_NO_SUCH_NAME = 3
_TTL_S = 1


class Names(asyncio.DatagramProtocol):
    """The names it knows. A test may change them at any time."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        """Name -> IPv4 addresses."""
        self.services: dict[str, list[tuple[str, int]]] = {}
        """Name -> targets, each with its port (RFC 2782)."""
        self.silent = False
        """Whether it answers nothing."""
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It listens (called by the event loop)."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.address = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question (called by the event loop)."""
        name, end = _name(data)
        self.asked.append(name)
        if self.silent:
            return
        (kind,) = struct.unpack_from("!H", data, end)
        addresses, services = self.addresses.get(name), self.services.get(name)
        answers: list[bytes] = []
        extra: list[bytes] = []
        if kind == _A:
            answers = [_record(name, _A, ip_address(one).packed) for one in addresses or ()]
        elif kind == _SRV:
            for target, port in services or ():
                answers.append(_record(name, _SRV, struct.pack("!HHH", 0, 1, port) + _written(target)))
                extra += [_record(target, _A, ip_address(one).packed) for one in self.addresses.get(target, ())]
        code = _NO_SUCH_NAME if addresses is None and services is None else 0
        head = data[:2] + struct.pack("!5H", 0x8580 | code, 1, len(answers), 0, len(extra))
        self._transport.sendto(head + data[12 : end + 4] + b"".join(answers + extra), addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[Names]:
    """A name server on loopback, over UDP."""
    transport, names = await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    try:
        yield names
    finally:
        transport.close()


def _name(question: bytes) -> tuple[str, int]:
    """The name in the question, and the offset behind it."""
    labels, at = [], 12
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels), at + 1


def _written(name: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"


def _record(name: str, kind: int, data: Sequence[int]) -> bytes:
    return _written(name) + struct.pack("!HHIH", kind, 1, _TTL_S, len(data)) + bytes(data)

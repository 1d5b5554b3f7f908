"""A canary: what is relied on of redis-py that is not public. With a release that breaks it, a test names it."""

import ast
import asyncio
import gc
import inspect
import re
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection

from market.bus.redis.connection.adapter import PRIVATE_ATTRIBUTES, VERSIONS, take_over
from market.bus.redis.connection.dial import _connection
from market.bus.redis.connection.url import parse_redis_url
from tests.valkey import Valkey
from tests.waiting import HANGS_AFTER_S

ROOT = Path(__file__).resolve().parents[5]
HELP = f"redis-py {version('redis')} (checked: {VERSIONS}): look at market/bus/redis/connection/adapter.py"
KINDS = (Connection, SSLConnection, UnixDomainSocketConnection)


def numbers(text: str) -> tuple[int, ...]:
    """Read major and minor number of a version."""
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])


class Recorder(asyncio.Protocol):
    """Keeps what came."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.came = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.came.set()


async def connected(valkey: Valkey) -> AbstractConnection:
    """A connection as the client makes it."""
    connection = _connection(parse_redis_url(valkey.url))
    await connection.connect()  # type: ignore[no-untyped-call]
    return connection


def test_the_version_is_one_that_was_checked() -> None:
    """The installed redis-py is within the bounds, and setup.cfg has the same bounds, which allow patch releases."""
    lowest, above = VERSIONS.split(",")
    assert numbers(lowest) <= numbers(version("redis")) < numbers(above), HELP
    assert f"redis {VERSIONS}" in (ROOT / "setup.cfg").read_text(encoding="utf-8"), HELP
    assert all(len(numbers(bound)) == 2 for bound in (lowest, above)), "bounds name minor versions, never a patch"


@pytest.mark.parametrize("name", PRIVATE_ATTRIBUTES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_private_attribute_is_there(kind: type[AbstractConnection], name: str) -> None:
    """Each connection that is not connected has it, as None."""
    connection = kind(path="/none") if kind is UnixDomainSocketConnection else kind()
    assert getattr(connection, name, "missing") is None, f"{kind.__name__}.{name} is gone or no longer None: {HELP}"


async def test_private_attributes_are_the_streams(valkey: Valkey) -> None:
    """On a connected connection they are asyncio's own streams, over one transport, with nothing read ahead."""
    connection: Any = await connected(valkey)
    reader: Any = getattr(connection, "_reader", None)
    writer: Any = getattr(connection, "_writer", None)
    assert isinstance(writer, asyncio.StreamWriter), f"_writer is no StreamWriter: {HELP}"
    assert isinstance(reader, asyncio.StreamReader), f"_reader is no StreamReader: {HELP}"
    assert isinstance(writer.transport, asyncio.Transport), f"_writer has no transport: {HELP}"
    assert not vars(reader)["_buffer"], f"bytes were read ahead, which would be lost: {HELP}"
    await connection.disconnect()


async def test_a_connection_taken_over_is_ours(valkey: Valkey) -> None:
    """Received bytes go to our protocol; redis-py counts the connection as not connected, and does not close it."""
    protocol = Recorder()
    connection = await connected(valkey)
    writer, transport = take_over(connection, protocol)
    assert not connection.is_connected, f"is_connected goes by something else now: {HELP}"
    with pytest.raises(ConnectionError):
        take_over(connection, protocol)
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        del connection
        gc.collect()
    assert [] == [str(complaint.message) for complaint in complaints], f"its finalizer complains: {HELP}"
    assert not transport.is_closing(), f"its finalizer closes what we took: {HELP}"
    transport.write(b"PING\r\n")
    async with asyncio.timeout(HANGS_AFTER_S):
        await protocol.came.wait()
    assert b"+PONG\r\n" == protocol.data, f"replies went elsewhere: {HELP}"
    transport.abort()
    del writer


@pytest.mark.parametrize("name", ["driver_info", "protocol", "retry", "socket_connect_timeout", "client_name"])
def test_arguments_of_a_connection(name: str) -> None:
    """All our arguments are known by name: redis-py would silently ignore an unknown keyword."""
    assert name in inspect.signature(AbstractConnection.__init__).parameters, f"no argument {name}: {HELP}"


def test_nothing_else_uses_what_is_private() -> None:
    """No other module of ours reads a private attribute of a connection, or imports a private module of redis-py."""
    for path in sorted((ROOT / "market" / "bus").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in PRIVATE_ATTRIBUTES and path.name != "adapter.py":
                assert isinstance(node.value, ast.Name), path
                assert node.value.id == "self", f"{path}:{node.lineno}"
            if isinstance(node, ast.ImportFrom):
                assert "redis._" not in f"{node.module}.", f"{path}:{node.lineno}"

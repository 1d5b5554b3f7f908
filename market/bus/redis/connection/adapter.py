"""All private parts of redis-py that we rely on.

redis-py connects, authenticates and speaks TLS. It offers no way to take a connected socket out of it, so the two
attributes that hold its streams are read and emptied here, and nowhere else.
``tests/market/bus/redis/connection/test_adapter.py`` checks each assumption by name; with a release of redis-py that
breaks one, it says which.
"""

import asyncio
from typing import Final, cast

from redis.asyncio.connection import AbstractConnection

PRIVATE_ATTRIBUTES: Final = ("_reader", "_writer")
"""Of a connection: an `asyncio.StreamReader` and an `asyncio.StreamWriter` while it is connected, else None."""
VERSIONS: Final = ">=8.0,<8.2"
"""Of redis-py, for which this was checked; setup.cfg names the same. A new minor version may change what is private."""


def take_over(
    connection: AbstractConnection, protocol: asyncio.Protocol
) -> tuple[asyncio.StreamWriter, asyncio.Transport]:
    """Give ``protocol`` everything that comes on a connected ``connection``; redis-py no longer uses it.

    Keep the returned writer as long as the transport: its finalizer closes the transport.

    Raises:
        ConnectionError: the connection was lost already.
    """
    writer = connection._writer
    if writer is None:
        raise ConnectionError("the connection closed as soon as it was made")
    # Else redis-py's finalizer closes a transport that it no longer owns, or complains of it.
    connection._writer = connection._reader = None
    transport = cast("asyncio.Transport", writer.transport)
    transport.set_protocol(protocol)
    return writer, transport

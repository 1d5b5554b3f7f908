"""Dials a Redis or Valkey server. redis-py connects, authenticates and speaks TLS."""

from typing import Any, Final

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError

from market.bus.redis.connection.faults import ExplainedError, explained
from market.bus.redis.connection.url import RedisUrl
from market.bus.secret_file import SecretFileError

ANSWER_TIMEOUT_S: Final = 2.0
"""Well below the three seconds after which a gateway gives up a link."""
FAULTS: Final = (RedisError, OSError, ValueError)
"""The errors that end a connection, or a command on one."""


async def dial(url: RedisUrl, *, reached: bool = False) -> AbstractConnection:
    """A new connection; the name in the address is looked up again.

    ``reached`` says whether an earlier one was made: then a failure is not explained by the URL.

    Raises:
        ExplainedError: none could be made. The message is one line with the reason, without our credentials.
    """
    try:
        url = url.with_password()
    except SecretFileError as error:
        raise ExplainedError(f"{url.called}: the file of its password {error}") from None
    connection = _connection(url)
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
    except FAULTS as error:
        reason = explained(error, url, reached=reached)
    except BaseException:
        # redis-py leaves the socket open.
        await connection.disconnect(nowait=True)
        raise
    else:
        return connection
    # Raised out here, so that no exception chain leads to one that may hold the password.
    raise ExplainedError(reason)


def _connection(url: RedisUrl) -> AbstractConnection:
    """A connection of redis-py that is not connected yet."""
    common: dict[str, Any] = {
        "db": url.db,
        "username": url.username,
        "password": url.password,
        "client_name": url.client_name,
        # Version 3 wraps pub/sub in push types and adds server notices that we do not use.
        "protocol": 2,
        "socket_timeout": ANSWER_TIMEOUT_S,
        "socket_connect_timeout": ANSWER_TIMEOUT_S,
        # Poller and gateway have retry rules of their own.
        "retry": Retry(NoBackoff(), 0),
        # Else redis-py reads it from a file for every connection, which needs a free descriptor.
        "driver_info": DriverInfo(),
    }
    if url.path:
        return UnixDomainSocketConnection(path=url.path, **common)
    if url.tls is None:
        return Connection(host=url.host, port=url.port, **common)
    return SSLConnection(host=url.host, port=url.port, **common, **url.tls.arguments())

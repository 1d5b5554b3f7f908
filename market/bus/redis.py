"""The bus on Redis or Valkey: pub/sub for what is new, a hash for what is newest.

Channel ``tick.<SYMBOL>`` carries ticks, ``feed.status`` beats; the hash ``ticks`` holds each symbol's
newest payload, written in the pipeline of its publish.

redis-py connects, authenticates and speaks TLS; what then goes on, `market.bus.redis_wire` does.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from market.bus import BusDownError, BusUrlError, Receiver
from market.bus.redis_wire import BEAT_CHANNEL, TICK_CHANNEL, RedisLink, RedisPipe, command
from market.codec import encode_beat, encode_tick
from market.status import Beat
from market.tick import Tick

_LAST_VALUES = b"ticks"
_ANSWER_TIMEOUT_S = 2.0
"""Well under the three seconds after which a gateway gives a link up."""

# Says nothing of the URL itself: a password with a slash in it would pass for a port, and be shown.
_URL_MEND = "is not a Redis URL; write redis://host:port/db (and / : @ ? # in a password as %2F %3A %40 %3F %23)"


class RedisBus:
    """One process's way to a Redis or Valkey server."""

    def __init__(self, url: str) -> None:
        """Read ``url``; nothing is connected yet.

        Raises:
            BusUrlError: redis-py cannot read it.
        """
        _check(url)
        try:
            self._pool: ConnectionPool = ConnectionPool.from_url(
                url,
                # Version 3 wraps pub/sub in push types and adds server notices nobody here asked for.
                protocol=2,
                socket_timeout=_ANSWER_TIMEOUT_S,
                socket_connect_timeout=_ANSWER_TIMEOUT_S,
                # Poller and gateway each have their own rule for trying again.
                retry=Retry(NoBackoff(), 0),
            )
            self._new_connection()
        except (ValueError, TypeError):
            raise BusUrlError(_URL_MEND) from None
        self._client: Redis = Redis(connection_pool=self._pool)
        self._pipe: RedisPipe | None = None
        self._publishing = asyncio.Lock()
        options = self._pool.connection_kwargs
        place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        self.name = f"redis {place} db {options.get('db') or 0}"

    async def publish(self, ticks: Sequence[Tick], beat: Beat | None = None) -> None:
        """See `market.bus.Bus.publish`."""
        commands = []
        newest: dict[bytes, bytes] = {}
        for tick in ticks:
            symbol = tick.symbol.encode()
            newest[symbol] = payload = encode_tick(tick)
            commands.append(command(b"PUBLISH", TICK_CHANNEL + symbol, payload))
        if newest:
            # Before the beat: who has the beat may rely on the last values too.
            fields = chain.from_iterable(newest.items())
            commands.append(command(b"HSET", _LAST_VALUES, *fields))
        if beat is not None:
            commands.append(command(b"PUBLISH", BEAT_CHANNEL, encode_beat(beat)))
        if not commands:
            return
        async with self._publishing:
            try:
                async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                    if self._pipe is None or self._pipe.lost:
                        connection = self._new_connection()
                        await connection.connect()  # type: ignore[no-untyped-call]
                        self._pipe = RedisPipe(connection)
                    await self._pipe.execute(commands)
            except BaseException as error:
                # Answers may be outstanding, which the next pipeline must not take for its own.
                self._close_pipe()
                if isinstance(error, RedisError | OSError):
                    raise _down(error) from error
                raise

    async def last_values(self) -> dict[str, bytes]:
        """See `market.bus.Bus.last_values`."""
        try:
            values = await cast("Any", self._client.hgetall(_LAST_VALUES.decode()))
        except (RedisError, OSError) as error:
            raise _down(error) from error
        return {symbol.decode(errors="replace"): payload for symbol, payload in values.items()}

    async def subscribe(self, symbols: Iterable[str], receiver: Receiver) -> RedisLink:
        """See `market.bus.Bus.subscribe`."""
        connection = self._new_connection()
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                await connection.connect()  # type: ignore[no-untyped-call]
                link = RedisLink(connection, symbols, receiver)
                try:
                    await link.subscribe()
                except BaseException:
                    link.close()
                    raise
        except (RedisError, OSError, TimeoutError) as error:
            raise _down(error) from error
        return link

    def _new_connection(self) -> AbstractConnection:
        return cast("AbstractConnection", self._pool.make_connection())  # type: ignore[no-untyped-call]

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    async def aclose(self) -> None:
        """See `market.bus.Bus.aclose`. Links are closed by who holds them."""
        self._close_pipe()
        await self._client.aclose()
        await self._pool.aclose()


def _check(url: str) -> None:
    """Refuse what redis-py would read as something else without a word: a database that is no number."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BusUrlError(_URL_MEND) from None
    if parts.scheme != "unix" and not re.fullmatch("/?[0-9]*", parts.path):
        raise BusUrlError("names a database that is no number; write redis://host:port/db, like redis://host:6379/0")


def _down(error: Exception) -> BusDownError:
    return BusDownError(str(error) or type(error).__name__)

"""The bus on Redis or Valkey: pub/sub for what is new, a hash for what is newest.

Channel ``tick.<SYMBOL>`` carries ticks, ``feed.status`` beats; the hash ``ticks`` holds each symbol's
newest payload, written in the pipeline of its publish.

redis-py connects, authenticates and speaks TLS. Reading pub/sub through it costs ten times what the
messages are worth, so a subscribing connection, once it is up, is handed to `RedisLink`, which feeds
hiredis straight from the transport.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import hiredis
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from market.bus import BusDownError, BusUrlError, Receiver
from market.codec import encode_beat, encode_tick
from market.status import Beat
from market.tick import Tick

_TICK_CHANNEL = "tick."
_BEAT_CHANNEL = b"feed.status"
_LAST_VALUES = "ticks"
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
        options = self._pool.connection_kwargs
        place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        self.name = f"redis {place} db {options.get('db') or 0}"

    async def publish(self, ticks: Sequence[Tick], beat: Beat | None = None) -> None:
        """See `market.bus.Bus.publish`."""
        newest: dict[Any, Any] = {}
        pipeline = self._client.pipeline(transaction=False)
        for tick in ticks:
            newest[tick.symbol] = payload = encode_tick(tick)
            pipeline.publish(_TICK_CHANNEL + tick.symbol, payload)
        if newest:
            # Before the beat: who has the beat may rely on the last values too.
            pipeline.hset(_LAST_VALUES, mapping=newest)
        if beat is not None:
            pipeline.publish(_BEAT_CHANNEL, encode_beat(beat))
        try:
            await pipeline.execute()
        except (RedisError, OSError) as error:
            raise _down(error) from error

    async def last_values(self) -> dict[str, bytes]:
        """See `market.bus.Bus.last_values`."""
        try:
            values = await cast("Any", self._client.hgetall(_LAST_VALUES))
        except (RedisError, OSError) as error:
            raise _down(error) from error
        return {symbol.decode(errors="replace"): payload for symbol, payload in values.items()}

    async def subscribe(self, symbols: Iterable[str], receiver: Receiver) -> "RedisLink":
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

    async def aclose(self) -> None:
        """See `market.bus.Bus.aclose`. Links are closed by who holds them."""
        await self._client.aclose()
        await self._pool.aclose()


class RedisLink(asyncio.Protocol):
    """A connected redis-py connection turned into a pub/sub reader."""

    def __init__(self, connection: AbstractConnection, symbols: Iterable[str], receiver: Receiver) -> None:
        """Take ``connection`` over: redis-py reads nothing from it any more."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        writer = connection._writer
        if writer is None:
            raise ConnectionError("the connection closed as soon as it was made")
        # redis-py's finalizer would close, or complain of, what is not its own any more; the writer's
        # own finalizer would too, so it is held.
        connection._writer = connection._reader = None
        self._writer = writer
        self._transport = cast("asyncio.Transport", writer.transport)
        self._receiver = receiver
        self._reader = hiredis.Reader()
        self._symbol_of = {(_TICK_CHANNEL + symbol).encode(): symbol for symbol in symbols}
        self._unconfirmed = len(self._symbol_of) + 1
        self._subscribed: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.heard_at = loop.time()
        self._transport.set_protocol(self)

    async def subscribe(self) -> None:
        """Ask for every channel and wait until the server confirmed each.

        Raises:
            ConnectionError: the connection was lost before that.
        """
        self._transport.write(_command(b"SUBSCRIBE", _BEAT_CHANNEL, *self._symbol_of))
        await asyncio.wait((self._subscribed, self.lost), return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done():
            raise ConnectionError(self.lost.result())

    def ping(self) -> None:
        """See `market.bus.Link.ping`."""
        if not self._transport.is_closing():
            self._transport.write(b"*1\r\n$4\r\nPING\r\n")

    def close(self) -> None:
        """See `market.bus.Link.close`."""
        self._lose("closed")

    def data_received(self, data: bytes) -> None:
        """Hand on every message that ``data`` completes (called by the event loop)."""
        self.heard_at = self._loop.time()
        reader = self._reader
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not False:
                if self.lost.done():
                    return
                self._reply(reply)
        except hiredis.ProtocolError as error:
            self._lose(f"the bus sent what is not the Redis protocol: {error}")

    def eof_received(self) -> None:
        """The server closed its end (called by the event loop)."""

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone (called by the event loop)."""
        self._lose(str(error) if error else "the bus closed the connection")

    def _reply(self, reply: Any) -> None:
        match reply:
            case [b"message", channel, payload]:
                symbol = self._symbol_of.get(channel)
                if symbol is not None:
                    self._receiver.tick_received(symbol, payload)
                elif channel == _BEAT_CHANNEL:
                    self._receiver.beat_received(payload)
            case [b"subscribe", _, _]:
                self._unconfirmed -= 1
                if self._unconfirmed == 0:
                    self._subscribed.set_result(None)
            case hiredis.ReplyError():
                self._lose(f"the bus refused: {reply}")

    def _lose(self, reason: str) -> None:
        # abort, not close: what is still to be written to a lost server is of no use to anybody.
        self._transport.abort()
        if not self.lost.done():
            self.lost.set_result(reason)


def _command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


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

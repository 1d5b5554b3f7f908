"""The bus on Redis (6.2 or newer) or Valkey: pub/sub for what is new, a hash for what is newest, keys for the rest.

Channel ``tick.<SYMBOL>`` carries ticks, ``feed.status`` beats; the hash ``ticks`` holds each symbol's newest
payload, the string ``states`` the states of all symbols. One script publishes it all, so what is kept is never
behind what was heard, and no part of a publish outlives the right to it.

The store's keys are strings that expire: ``lease.poller`` names the poller that leads, ``standby.poller``
one that could (see `poller.lease`); ``ticket.<hash>`` is a one-time ticket of the gateways.

redis-py connects, authenticates and speaks TLS; what then goes on, `market.bus.redis_wire` does. That the server is
the right one, `market.bus.redis_pool` sees to.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from market.bus import BusDownError, Lease, LeaseLostError, Receiver
from market.bus.redis_faults import explained, not_in_time
from market.bus.redis_pool import LEASE_LOST, RedisPool
from market.bus.redis_scripts import HOLD, PUBLISH, RELEASE, STATES, VALUES
from market.bus.redis_url import RedisUrl, parse_redis_url
from market.bus.redis_wire import RedisLink, command
from market.codec import MAX_STATES_BYTES, MAX_TICK_BYTES, encode_beat, encode_states, encode_tick
from market.status import Beat, States
from market.symbols import MAX_SYMBOL_BYTES
from market.tick import Tick

_LAST_VALUES = b"ticks"
_STATES = b"states"
_ANSWER_TIMEOUT_S = 2.0
"""Well under the three seconds after which a gateway gives a link up."""
_REDIAL_S = 10.0
"""As long as gateways bear a link that nothing useful comes over."""
_MAX_ASKING = 8
"""Questions to the store under way at once, each on a connection of its own; more of them queue."""


class RedisBus:
    """One process's way to a Redis or Valkey server."""

    def __init__(self, url: str, *, redial_s: float = _REDIAL_S) -> None:
        """Read ``url``; nothing is connected yet. Where it leads to is looked up again every ``redial_s`` seconds.

        Raises:
            BusUrlError: it means nothing, or not all of it is understood.
        """
        self._url = parse_redis_url(url)
        self._reached = False
        """Whether a connection was ever made."""
        self._pool = RedisPool(self._dial, redial_s)
        self._publishing = asyncio.Lock()
        self._asking = asyncio.Semaphore(_MAX_ASKING)
        self.name = f"redis {self._url.place} db {self._url.db}"

    async def publish(
        self,
        ticks: Sequence[Tick],
        beat: Beat | None = None,
        *,
        states: States | None = None,
        lease: Lease | None = None,
    ) -> None:
        """See `market.bus.Bus.publish`."""
        if not ticks and beat is None:
            return
        name, owner, ttl_ms = (lease.name, lease.owner, _ms(lease.ttl_s)) if lease else ("", "", 0)
        words = [name.encode(), _STATES, owner.encode(), b"%d" % ttl_ms, b"" if beat is None else encode_beat(beat)]
        words.append(b"" if states is None else encode_states(states))
        for tick in ticks:
            words += tick.symbol.encode(), encode_tick(tick)
        # The whole script each time, not its hash: a server that was restarted knows no hashes.
        request = command(b"EVAL", PUBLISH, b"3", _LAST_VALUES, *words)
        try:
            async with self._publishing:
                await self._pool.ask(request, _deadline())
        except (RedisError, OSError, ValueError) as error:
            if isinstance(error, ResponseError) and str(error).startswith(LEASE_LOST):
                raise LeaseLostError(f"{name} is not held") from None
            raise self._down(error) from error

    async def last_values(self, symbols: Iterable[str] | None = None) -> dict[str, bytes]:
        """See `market.bus.Bus.last_values`."""
        names = None if symbols is None else list(symbols)
        if names == []:
            return {}
        words = await self._ask(b"EVAL", VALUES, 1, _LAST_VALUES, MAX_TICK_BYTES, MAX_SYMBOL_BYTES, *(names or ()))
        return {name.decode(errors="replace"): value for name, value in zip(words[::2], words[1::2], strict=True)}

    async def last_states(self) -> bytes | None:
        """See `market.bus.Bus.last_states`."""
        states: bytes | None = await self._ask(b"EVAL", STATES, 1, _STATES, MAX_STATES_BYTES)
        return states

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `market.bus.Bus.put`."""
        await self._ask(b"SET", key, value, b"PX", _ms(ttl_s))

    async def take(self, key: str) -> bytes | None:
        """See `market.bus.Bus.take`."""
        value: bytes | None = await self._ask(b"GETDEL", key)
        return value

    async def hold(self, lease: Lease) -> bool:
        """See `market.bus.Bus.hold`."""
        return bool(await self._ask(b"EVAL", HOLD, 1, lease.name, lease.owner, _ms(lease.ttl_s)))

    async def release(self, lease: Lease) -> None:
        """See `market.bus.Bus.release`."""
        await self._ask(b"EVAL", RELEASE, 1, lease.name, lease.owner)

    async def subscribe(self, symbols: Iterable[str], receiver: Receiver) -> RedisLink:
        """See `market.bus.Bus.subscribe`."""
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                connection = await self._dial()
                # The address may lead elsewhere by now; what is asked after this must not be answered by a server
                # that was there before.
                self._pool.renew()
                link = RedisLink(connection, symbols, receiver)
                try:
                    await link.subscribe()
                except BaseException:
                    link.close()
                    raise
        except (RedisError, OSError, ValueError) as error:
            raise self._down(error) from error
        return link

    async def _ask(self, *words: str | bytes | int) -> Any:
        """The answer to one command; the wait for its turn counts towards the timeout."""
        request = command(*(word if isinstance(word, bytes) else str(word).encode() for word in words))
        deadline = _deadline()
        try:
            async with asyncio.timeout_at(deadline):
                await self._asking.acquire()
            try:
                return await self._pool.ask(request, deadline)
            finally:
                self._asking.release()
        except (RedisError, OSError, ValueError) as error:
            raise self._down(error) from error

    async def _dial(self) -> AbstractConnection:
        """A new connection; the name in the address is looked up again.

        Raises:
            RedisConnectionError: none could be made; why is one line, without what we authenticate with.
        """
        connection = _connection(self._url)
        try:
            await connection.connect()  # type: ignore[no-untyped-call] # redis-py does not type it
        except (RedisError, OSError, ValueError) as error:
            reason = explained(error, self._url)
        else:
            self._reached = True
            return connection
        # Out here, so that no chain of exceptions leads to one that may hold the password.
        raise RedisConnectionError(reason)

    def _down(self, error: Exception) -> BusDownError:
        if isinstance(error, TimeoutError):
            return BusDownError(not_in_time(self._url, reached=self._reached))
        return BusDownError(str(error) or type(error).__name__)

    async def aclose(self) -> None:
        """See `market.bus.Bus.aclose`. Links are closed by who holds them."""
        await self._pool.aclose()


def _connection(url: RedisUrl) -> AbstractConnection:
    """redis-py's, not connected yet."""
    common: dict[str, Any] = {
        "db": url.db,
        "username": url.username,
        "password": url.password,
        "client_name": url.client_name,
        # Version 3 wraps pub/sub in push types and adds server notices nobody here asked for.
        "protocol": 2,
        "socket_timeout": _ANSWER_TIMEOUT_S,
        "socket_connect_timeout": _ANSWER_TIMEOUT_S,
        # Poller and gateway each have their own rule for trying again.
        "retry": Retry(NoBackoff(), 0),
        # Else looked up in a file for every connection, which cannot be opened without a free descriptor.
        "driver_info": DriverInfo(),
    }
    if url.path:
        return UnixDomainSocketConnection(path=url.path, **common)
    if url.tls is None:
        return Connection(host=url.host, port=url.port, **common)
    return SSLConnection(host=url.host, port=url.port, **common, **url.tls.arguments())


def _deadline() -> float:
    return asyncio.get_running_loop().time() + _ANSWER_TIMEOUT_S


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1_000))

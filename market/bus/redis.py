"""The bus on Redis (6.2 or newer) or Valkey: pub/sub for what is new, a hash for what is newest, keys for the rest.

Channel ``tick.<SYMBOL>`` carries ticks, ``feed.status`` beats; the hash ``ticks`` holds each symbol's newest
payload, the string ``states`` the states of all symbols. One script publishes it all, so what is kept is never
behind what was heard, and no part of a publish outlives the right to it.

The store's keys are strings that expire: ``lease.poller`` names the poller that leads, ``standby.poller``
one that could (see `poller.lease`); ``ticket.<hash>`` is a one-time ticket of the gateways.

redis-py connects, authenticates and speaks TLS; what then goes on, `market.bus.redis_wire` does.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError, ResponseError

from market.bus import BusDownError, BusUrlError, Lease, LeaseLostError, Receiver
from market.bus.redis_wire import BEAT_CHANNEL, TICK_CHANNEL, RedisLink, RedisPipe, command
from market.codec import encode_beat, encode_states, encode_tick
from market.status import Beat, States
from market.tick import Tick

_LAST_VALUES = b"ticks"
_STATES = b"states"
_ANSWER_TIMEOUT_S = 2.0
"""Well under the three seconds after which a gateway gives a link up."""
_MAX_ASKING = 8
"""Questions to the store under way at once, each on a connection of its own; more of them queue."""

_LEASE_LOST = "LEASELOST"

_PUBLISH = b"""
local owner, ttl_ms, beat, states = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if owner ~= '' and redis.call('GET', KEYS[2]) ~= owner then
  return redis.error_reply('LEASELOST the lease has run out or is of another')
end
local newest = {}
for i = 5, #ARGV, 2 do newest[ARGV[i]] = ARGV[i + 1] end
for symbol, payload in pairs(newest) do redis.call('HSET', KEYS[1], symbol, payload) end
if states ~= '' then redis.call('SET', KEYS[3], states) end
for i = 5, #ARGV, 2 do redis.call('PUBLISH', '%b' .. ARGV[i], ARGV[i + 1]) end
if beat ~= '' then
  redis.call('PUBLISH', '%b', beat)
  if owner ~= '' then redis.call('PEXPIRE', KEYS[2], ttl_ms) end
end
return 1
""" % (TICK_CHANNEL, BEAT_CHANNEL)
"""Keys: last values, lease, states. Arguments: owner (empty: no lease), ttl, beat and states (empty: none), then
symbol and payload of each tick. What is kept comes before the beat: who has the beat may rely on it too."""

_HOLD = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1"

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
                # Else looked up in a file for every connection, which cannot be opened without a free descriptor.
                driver_info=DriverInfo(),
            )
            self._new_connection()
        except (ValueError, TypeError):
            raise BusUrlError(_URL_MEND) from None
        self._client: Redis = Redis(connection_pool=self._pool)
        self._pipe: RedisPipe | None = None
        self._publishing = asyncio.Lock()
        self._asking = asyncio.Semaphore(_MAX_ASKING)
        options = self._pool.connection_kwargs
        place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        self.name = f"redis {place} db {options.get('db') or 0}"

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
        pipeline = [command(b"EVAL", _PUBLISH, b"3", _LAST_VALUES, *words)]
        async with self._publishing:
            try:
                async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                    if self._pipe is None or self._pipe.lost:
                        connection = self._new_connection()
                        await connection.connect()  # type: ignore[no-untyped-call]
                        self._pipe = RedisPipe(connection)
                    await self._pipe.execute(pipeline)
            except BaseException as error:
                # Answers may be outstanding, which the next pipeline must not take for its own.
                self._close_pipe()
                if isinstance(error, ResponseError) and str(error).startswith(_LEASE_LOST):
                    raise LeaseLostError(f"{name} is not held") from None
                if isinstance(error, RedisError | OSError):
                    raise _down(error) from error
                raise

    async def last_values(self, symbols: Iterable[str] | None = None) -> dict[str, bytes]:
        """See `market.bus.Bus.last_values`."""
        if symbols is not None:
            names = list(symbols)
            payloads = await self._ask("HMGET", _LAST_VALUES, *names) if names else []
            return {name: payload for name, payload in zip(names, payloads, strict=True) if payload is not None}
        values = await self._ask("HGETALL", _LAST_VALUES)
        return {symbol.decode(errors="replace"): payload for symbol, payload in values.items()}

    async def last_states(self) -> bytes | None:
        """See `market.bus.Bus.last_states`."""
        states: bytes | None = await self._ask("GET", _STATES)
        return states

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See `market.bus.Bus.put`."""
        await self._ask("SET", key, value, "PX", _ms(ttl_s))

    async def take(self, key: str) -> bytes | None:
        """See `market.bus.Bus.take`."""
        value: bytes | None = await self._ask("GETDEL", key)
        return value

    async def hold(self, lease: Lease) -> bool:
        """See `market.bus.Bus.hold`."""
        return bool(await self._ask("EVAL", _HOLD, 1, lease.name, lease.owner, _ms(lease.ttl_s)))

    async def release(self, lease: Lease) -> None:
        """See `market.bus.Bus.release`."""
        await self._ask("EVAL", _RELEASE, 1, lease.name, lease.owner)

    async def subscribe(self, symbols: Iterable[str], receiver: Receiver) -> RedisLink:
        """See `market.bus.Bus.subscribe`."""
        try:
            connection = self._new_connection()
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                # A new link dials the address, which may have moved; what is asked then must not go to the old place.
                await self._pool.disconnect(inuse_connections=False)
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

    async def _ask(self, *words: str | bytes | int) -> Any:
        """The answer to one command, as redis-py reads it; waiting for a connection counts towards the timeout."""
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S), self._asking:
                return await self._client.execute_command(*words)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise _down(error) from error

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


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1_000))


def _down(error: Exception) -> BusDownError:
    return BusDownError(str(error) or type(error).__name__)

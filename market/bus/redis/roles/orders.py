"""Orders on Redis or Valkey: a hash. Each field's value begins with the times of an order; one field is the version.

One key, so that it is read and bounded in one step. Reading changes nothing, and costs next to nothing if no order was
given since the last time.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import uuid4

from market.bus.errors import BusDownError
from market.bus.orders import LONGEST_S, MAX_ORDER_BYTES, MOST_ORDERS, Order, Standing, check_order

ORDERS: Final = "orders"
"""The key, on one server."""

_NOW: Final = b"""
local kind = redis.call('TYPE', KEYS[1]).ok
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local longest = tonumber(ARGV[1])
local function standing(field)
  if string.sub(field, 1, 1) ~= '=' or #field > longest + 1 then return nil end
  if redis.call('HSTRLEN', KEYS[1], field) > longest + 40 then return nil end
  local given, ends, value = string.match(redis.call('HGET', KEYS[1], field), '^(%d+) (%d+) (.*)$')
  if given and #given < 17 and #ends < 17 and tonumber(ends) > now then
    return given, ends, value
  end
end
"""
"""Argument: the longest name or value. Whoever may write to the bus may have written anything."""

_GIVE: Final = (
    _NOW
    + b"""
local field, ttl_us, most = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
if kind ~= 'hash' and kind ~= 'none' or redis.call('HLEN', KEYS[1]) > 2 * most then redis.call('DEL', KEYS[1]) end
if not redis.call('HGET', KEYS[1], field) and redis.call('HLEN', KEYS[1]) > most then
  for _, its in ipairs(redis.call('HKEYS', KEYS[1])) do
    if its ~= '#' and not standing(its) then redis.call('HDEL', KEYS[1], its) end
  end
  if redis.call('HLEN', KEYS[1]) > most then return 0 end
end
redis.call('HSET', KEYS[1], field, string.format('%.0f %.0f ', now, now + ttl_us) .. ARGV[3])
redis.call('HSET', KEYS[1], '#', string.format('%.0f', now) .. ' ' .. ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return 1
"""
)
"""Key: the hash. Further arguments: field, value, ttl in microseconds, the most orders, a word that no other giver
uses, and the milliseconds that the key lasts. The answer: whether there was room."""

_STANDING: Final = (
    _NOW
    + b"""
local version = '-'
if kind == 'hash' and redis.call('HSTRLEN', KEYS[1], '#') <= 100 then
  version = redis.call('HGET', KEYS[1], '#') or '-'
end
if version == ARGV[2] then return false end
local found = {version, string.format('%.0f', now)}
if kind ~= 'hash' or redis.call('HLEN', KEYS[1]) > 2 * tonumber(ARGV[3]) + 1 then return found end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local given, ends, value = standing(field)
  if given then
    found[#found + 1] = string.sub(field, 2)
    found[#found + 1] = given
    found[#found + 1] = ends
    found[#found + 1] = value
  end
end
return found
"""
)
"""Key: the hash. Further arguments: the known version, and the most orders. The answer: nil if that is the present
version; else the version, the time, and name, times and value of each order."""

Ask = Callable[..., Awaitable[Any]]
"""Sends the words of one command, which has one key, and returns the answer."""


class RedisOrders:
    """See `market.bus.Orders`."""

    def __init__(self, ask: Ask, key: str = ORDERS) -> None:
        """Send commands about ``key`` with ``ask``."""
        self._ask = ask
        self._key = key

    async def give(self, name: str, value: bytes, ttl_s: float) -> None:
        """See `market.bus.Orders.give`."""
        check_order(name, value, ttl_s)
        words = (MAX_ORDER_BYTES, f"={name}", value, int(ttl_s * 1e6), MOST_ORDERS, uuid4().hex, LONGEST_S * 1000)
        if not await self._ask(b"EVAL", _GIVE, 1, self._key, *words):
            raise BusDownError(f"{MOST_ORDERS} orders stand on this bus already")

    async def standing(self, known: bytes = b"") -> Standing | None:
        """See `market.bus.Orders.standing`."""
        words: list[bytes] | None = await self._ask(
            b"EVAL", _STANDING, 1, self._key, MAX_ORDER_BYTES, known, MOST_ORDERS
        )
        if words is None:
            return None
        version, now, *rest = words
        parts = zip(rest[::4], rest[1::4], rest[2::4], rest[3::4], strict=True)
        orders = {
            name.decode(errors="replace"): Order(value, int(given), int(ends)) for name, given, ends, value in parts
        }
        return Standing(version, int(now), orders)

"""Presence on Redis or Valkey: a hash, each of whose fields begins with the time at which it runs out.

One key, so that it is asked for and bounded in one step. It expires a day after the last announcement.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from market.bus.errors import BusDownError
from market.bus.presence import MAX_PRESENCE_BYTES, MOST_PRESENT
from market.bus.redis.connection.client import milliseconds

PRESENCES: Final = "presences"
"""The key, on one server."""

_NOW: Final = b"""
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function living()
  local found, all = {}, redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local ends, value = string.match(all[i + 1], '^(%d+) (.*)$')
    if ends and tonumber(ends) > now then
      found[#found + 1] = all[i]
      found[#found + 1] = value
    else
      redis.call('HDEL', KEYS[1], all[i])
    end
  end
  return found
end
"""
"""Whoever may write to the bus may have written anything."""

_ANNOUNCE: Final = (
    _NOW
    + b"""
local most, ttl_ms = tonumber(ARGV[4]), tonumber(ARGV[3])
if not redis.call('HGET', KEYS[1], ARGV[1]) and redis.call('HLEN', KEYS[1]) >= most and #living() >= 2 * most then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + ttl_ms) .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], 86400000)
return 1
"""
)
"""Key: the hash. Arguments: name, value, ttl, the most names. The answer: whether there was room."""

_PRESENT: Final = _NOW + b"return living()"
"""Key: the hash. The answer: name and value in turn."""

Ask = Callable[..., Awaitable[Any]]
"""Sends the words of one command, which has one key, and returns the answer."""


class RedisPresence:
    """See `market.bus.Presence`."""

    def __init__(self, ask: Ask, key: str = PRESENCES) -> None:
        """Send commands about ``key`` with ``ask``."""
        self._ask = ask
        self._key = key

    async def announce(self, name: str, value: bytes, ttl_s: float) -> None:
        """See `market.bus.Presence.announce`."""
        words = (name, value, milliseconds(ttl_s), MOST_PRESENT)
        if not await self._ask(b"EVAL", _ANNOUNCE, 1, self._key, *words):
            raise BusDownError(f"{MOST_PRESENT} processes are on this bus already")

    async def withdraw(self, name: str) -> None:
        """See `market.bus.Presence.withdraw`."""
        await self._ask(b"HDEL", self._key, name)

    async def present(self) -> dict[str, bytes]:
        """See `market.bus.Presence.present`."""
        words: list[bytes] = await self._ask(b"EVAL", _PRESENT, 1, self._key)
        pairs = zip(words[::2], words[1::2], strict=True)
        return {name.decode(errors="replace"): value for name, value in pairs if len(value) <= MAX_PRESENCE_BYTES}

"""What the server does for us in one step each: scripts in Lua, sent whole with EVAL.

Whatever may write to the bus may write anything to our keys. None of it may stop us for good: what is of another kind
than it should be is replaced, what is too long is not fetched, and a lease that nobody extends ends.
"""

from typing import Final

from market.bus.redis.pool import LEASE_LOST
from market.bus.redis.wire import BEAT_CHANNEL, TICK_CHANNEL

PUBLISH: Final = b"""
local owner, ttl_ms, beat, states = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if owner ~= '' and redis.pcall('GET', KEYS[2]) ~= owner then
  return redis.error_reply('%b the lease has run out or is of another')
end
local newest = {}
for i = 5, #ARGV, 2 do newest[ARGV[i]] = ARGV[i + 1] end
for symbol, payload in pairs(newest) do
  local kept = redis.pcall('HSET', KEYS[1], symbol, payload)
  if type(kept) == 'table' then
    if not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], symbol, payload)
  end
end
if states ~= '' then redis.call('SET', KEYS[3], states) end
for i = 5, #ARGV, 2 do redis.call('PUBLISH', '%b' .. ARGV[i], ARGV[i + 1]) end
if beat ~= '' then
  redis.call('PUBLISH', '%b', beat)
  if owner ~= '' then redis.call('PEXPIRE', KEYS[2], ttl_ms) end
end
return 1
""" % (LEASE_LOST.encode(), TICK_CHANNEL, BEAT_CHANNEL)
"""Keys: last values, lease, states. Arguments: owner (empty: no lease), ttl, beat and states (empty: none), then
symbol and payload of each tick. What is kept comes before the beat: who has the beat may rely on it too."""

HOLD: Final = b"""
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'string' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  local left_ms = redis.call('PTTL', KEYS[1])
  if left_ms < 0 or left_ms > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
"""Key: lease. Arguments: owner, ttl. Nobody has it for longer than we would: a leader extends it with each beat."""

RELEASE: Final = b"if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1"
"""Key: lease. Argument: owner."""

VALUES: Final = b"""
local found, names = {}, ARGV
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return found end
if #ARGV == 2 then names = redis.call('HKEYS', KEYS[1]) end
for i = #ARGV == 2 and 1 or 3, #names do
  local name, value = names[i], ''
  if #name <= tonumber(ARGV[2]) then
    if redis.call('HSTRLEN', KEYS[1], name) <= tonumber(ARGV[1]) then value = redis.call('HGET', KEYS[1], name) end
    if value then
      found[#found + 1] = name
      found[#found + 1] = value
    end
  end
end
return found
"""
"""Key: last values. Arguments: the longest value and the longest symbol to fetch, then symbols (none: all). The answer:
symbol and value in turn, an empty value in place of one that is too long."""

STATES: Final = b"""
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return false end
if kind ~= 'string' or redis.call('STRLEN', KEYS[1]) > tonumber(ARGV[1]) then return '' end
return redis.call('GET', KEYS[1])
"""
"""Key: states. Argument: the longest to fetch. The answer is empty in place of what is too long or of another kind."""

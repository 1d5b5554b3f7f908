"""Scripts in Lua, each run by the server in one step. They are sent whole with EVAL.

Any writer to the bus may write anything to our keys. None of it may stop us for good. So a value of the wrong kind is
replaced, a value that is too long is not fetched, and a lease that nobody extends ends.

`market.bus.redis.roles.layout` says where a topic's last value is; the scripts find it by the same rule.
"""

from typing import Final

from market.bus.redis.connection.pool import LEASE_LOST

PUBLISH: Final = b"""
local term, ttl_ms, barrier = ARGV[1], ARGV[2], ARGV[3]
local first, values, updates = 8, tonumber(ARGV[5]), tonumber(ARGV[6])
if term ~= '' and redis.pcall('GET', KEYS[1]) ~= term then
  return redis.error_reply('%b the lease has run out or is of another')
end
local newest = {}
for i = first, first + 2 * (values + updates) - 1, 2 do newest[ARGV[i]] = ARGV[i + 1] end
for topic, payload in pairs(newest) do
  local dot = string.find(topic, '.', 1, true)
  if dot then
    local hash, name = string.sub(topic, 1, dot - 1) .. 's', string.sub(topic, dot + 1)
    local kept = redis.pcall('HSET', hash, name, payload)
    if type(kept) == 'table' then
      if not string.find(kept.err, 'WRONGTYPE', 1, true) then return kept end
      redis.call('DEL', hash)
      redis.call('HSET', hash, name, payload)
    end
  else
    redis.call('SET', topic, payload)
  end
end
for i = first + 2 * values, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end
if barrier ~= '' then
  redis.call('PUBLISH', barrier, ARGV[4])
  for n = 0, tonumber(ARGV[7]) - 1 do redis.call('PUBLISH', n .. '#' .. barrier, ARGV[4]) end
  if term ~= '' then redis.call('PEXPIRE', KEYS[1], ttl_ms) end
end
return 1
""" % LEASE_LOST.encode()
"""Keys: lease, then every key that a last value goes to. Arguments: the lease's value (empty: no token) and ttl; topic
(empty: none) and payload of the barrier; how many of the following messages are kept and not sent, and how many are
both; in how many partitions the barrier is sent; then topic and payload of those, and of each message that is sent
only. Values are kept before the barrier is sent, so a receiver of the barrier may rely on them too."""

ACQUIRE: Final = b"""
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'string' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local held = redis.call('GET', KEYS[1])
if not held then
  held = ARGV[1] .. '#' .. ARGV[3]
  redis.call('SET', KEYS[1], held, 'PX', ARGV[2])
  return held
end
if string.match(held, '^(.*)#%d+$') == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return held
end
local left_ms = redis.call('PTTL', KEYS[1])
if left_ms < 0 or left_ms > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return false
"""
"""Key: lease. Arguments: owner, ttl, the epoch of a new term. The answer: the lease's value while it is the owner's.
No owner has it for longer than we would: a leader extends it with each barrier."""

RELEASE: Final = b"if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1"
"""Key: lease. Argument: its value."""

_ADD_FROM_HASH: Final = b"""
local found, max_bytes, kinds = {}, tonumber(ARGV[1]), {}
local function add(topic, value)
  found[#found + 1] = topic
  found[#found + 1] = value
end
local function kind_of(key)
  kinds[key] = kinds[key] or redis.call('TYPE', key).ok
  return kinds[key]
end
local function add_from_hash(topic, hash, name)
  if kind_of(hash) ~= 'hash' then return end
  local value = ''
  if redis.call('HSTRLEN', hash, name) <= max_bytes then value = redis.call('HGET', hash, name) end
  if value then add(topic, value) end
end
"""

READ: Final = (
    _ADD_FROM_HASH
    + b"""
for i = 2, #ARGV do
  local topic = ARGV[i]
  local dot = string.find(topic, '.', 1, true)
  if dot then
    add_from_hash(topic, string.sub(topic, 1, dot - 1) .. 's', string.sub(topic, dot + 1))
  elseif kind_of(topic) == 'string' and redis.call('STRLEN', topic) <= max_bytes then
    add(topic, redis.call('GET', topic))
  elseif kind_of(topic) ~= 'none' then
    add(topic, '')
  end
end
return found
"""
)
"""Keys: every key that a last value is in. Arguments: the longest payload to fetch, then topics. The answer: topic and
payload in turn. A payload is empty if it is too long, or if the key should be a string and is not."""

READ_ALL: Final = (
    _ADD_FROM_HASH
    + b"""
local hash, kind, prefix, longest = KEYS[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if kind_of(hash) ~= 'hash' then return found end
for _, name in ipairs(redis.call('HKEYS', hash)) do
  if #name <= longest and string.sub(name, 1, #prefix) == prefix then add_from_hash(kind .. name, hash, name) end
end
return found
"""
)
"""Key: a hash. Arguments: the longest payload to fetch, the topics' beginning up to the first dot, what follows that
dot in each topic that is wanted, and the longest name. The answer is the same."""

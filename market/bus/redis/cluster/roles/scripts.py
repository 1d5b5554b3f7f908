"""Scripts in Lua, each run by a node in one step, for one partition. They are sent whole with EVAL.

Their one key is the hash of the partition (`market.bus.redis.cluster.roles.layout`). Any writer to the bus may write
anything to it. None of it may stop us for good. So a value of the wrong kind is replaced, a value that is too long is
not fetched, a lease that nobody extends ends, and an epoch that no leader can have had is none.
"""

from typing import Final

from market.bus.redis.connection.pool import LEASE_LOST

_NOW: Final = b"""
local key = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(number) return string.format('%.0f', number) end
local function read_lease(field)
  local record = redis.pcall('HGET', key, field)
  if type(record) ~= 'string' then return 0, 0, '' end
  local epoch, ends, owner = string.match(record, '^(%d+) (%d+) (.*)$')
  epoch, ends = tonumber(epoch or 0), tonumber(ends or 0)
  if epoch > now + 1e14 then return 0, 0, '' end
  return epoch, ends, owner
end
local function write_lease(field, epoch, ends, owner)
  local record = whole(epoch) .. ' ' .. whole(ends) .. ' ' .. owner
  if type(redis.pcall('HSET', key, field, record)) == 'table' then
    if redis.call('TYPE', key).ok == 'hash' then return redis.call('HSET', key, field, record) end
    redis.call('DEL', key)
    redis.call('HSET', key, field, record)
  end
end
"""
"""An epoch is at least the time in milliseconds when its term began. So it grows even if the cluster lost its data. One
of some thousand years ahead was not written by us; clocks of nodes may differ by any other time."""

PUBLISH: Final = (
    _NOW
    + b"""
local lease, ttl_ms, values, kept = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[6]), tonumber(ARGV[7])
local epoch, ends, owner
if lease ~= '' then
  epoch, ends, owner = read_lease(lease)
  if whole(epoch) ~= ARGV[2] or owner ~= ARGV[3] or ends <= now then
    return redis.error_reply('%b the lease has run out or is of another')
  end
end
local function keep(...)
  local answer = redis.pcall('HSET', key, ...)
  if type(answer) == 'table' then
    if not string.find(answer.err, 'WRONGTYPE', 1, true) then return answer end
    redis.call('DEL', key)
    redis.call('HSET', key, ...)
  end
end
if redis.pcall('HGET', key, '#partitions') ~= ARGV[5] then
  local refused = keep('#partitions', ARGV[5])
  if refused then return refused end
end
for i = 8, 7 + 2 * kept, 1000 do
  local words = {}
  for j = i, math.min(i + 998, 6 + 2 * kept), 2 do
    local topic = ARGV[j]
    words[#words + 1] = string.sub(topic, 1, 1) == '#' and '#' .. topic or topic
    words[#words + 1] = ARGV[j + 1]
  end
  local refused = keep(unpack(words))
  if refused then return refused end
end
for i = 8 + 2 * values, #ARGV, 2 do redis.call('SPUBLISH', key .. ARGV[i], ARGV[i + 1]) end
if lease ~= '' and ttl_ms > 0 then write_lease(lease, epoch, now + ttl_ms, owner) end
return 1
"""
    % LEASE_LOST.encode()
)
"""Arguments: the field of the lease (empty: no token), its epoch and owner; the time by which it is extended (0: not at
all); the number of partitions; how many messages are kept and not sent, and how many are kept; then topic and payload
of each: those that are only kept, those that are kept and sent, those that are only sent, the barrier last."""

ACQUIRE: Final = (
    _NOW
    + b"""
local lease, owner, ttl_ms, at_least = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local epoch, ends, holder = read_lease(lease)
if ends > now and holder ~= owner then
  if ends > now + ttl_ms then write_lease(lease, epoch, now + ttl_ms, holder) end
  return false
end
if ends <= now or epoch < at_least then epoch = math.max(epoch + 1, now, at_least) end
write_lease(lease, epoch, now + ttl_ms, owner)
return {whole(epoch), redis.call('HGET', key, '#partitions')}
"""
)
"""For partition 0. Arguments: the field of the lease, owner, time to live, and the lowest epoch that other partitions
allow. The answer: the epoch, and the number of partitions in use, if the owner has the lease now. No other owner has it
for longer than we would: a leader extends it with each barrier."""

RAISE: Final = (
    _NOW
    + b"""
local lease, owner, ttl_ms, epoch = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local held, _, holder = read_lease(lease)
if held > epoch or held == epoch and holder ~= owner then return whole(held) end
write_lease(lease, epoch, now + ttl_ms, owner)
return '0'
"""
)
"""Raise the fence of a partition. Arguments: the field of the lease, owner, time to live, epoch. The answer: 0, or the
epoch of the fence that is not lower."""

RELEASE: Final = (
    _NOW
    + b"""
local epoch, _, owner = read_lease(ARGV[1])
if owner == ARGV[2] and whole(epoch) == ARGV[3] then write_lease(ARGV[1], epoch, 0, owner) end
return 1
"""
)
"""End a lease or a fence. Arguments: its field, the owner, the epoch."""

READ: Final = b"""
local key, found, max_bytes = KEYS[1], {}, tonumber(ARGV[1])
if redis.call('TYPE', key).ok ~= 'hash' then return found end
for i = 2, #ARGV do
  local value = ''
  if redis.call('HSTRLEN', key, ARGV[i]) <= max_bytes then value = redis.call('HGET', key, ARGV[i]) end
  if value then
    found[#found + 1] = ARGV[i]
    found[#found + 1] = value
  end
end
return found
"""
"""Arguments: the longest payload to fetch, then fields. The answer: field and payload in turn; a payload that is too
long is empty."""

READ_ALL: Final = b"""
local key, found, max_bytes, prefix, longest = KEYS[1], {}, tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
if redis.call('TYPE', key).ok ~= 'hash' then return found end
for _, field in ipairs(redis.call('HKEYS', key)) do
  if #field <= longest and string.sub(field, 1, #prefix) == prefix then
    local value = ''
    if redis.call('HSTRLEN', key, field) <= max_bytes then value = redis.call('HGET', key, field) end
    found[#found + 1] = field
    found[#found + 1] = value
  end
end
return found
"""
"""Arguments: the longest payload to fetch, the beginning of the fields that are wanted, and the longest field. The
answer is the same."""

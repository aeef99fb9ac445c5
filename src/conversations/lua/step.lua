-- What every step on a conversation begins with. KEYS: the conversation's hash, its items (a stream), its item ids (a hash); they share a
-- hash tag, so that a step works on Redis Cluster. The last of ARGV: whose conversations the caller may reach, or '' for anybody's.
-- The hash holds created (seconds), version, seq (the number of the newest item ever), bytes (of its items), lifetime (ms), metadata (JSON
-- text), seed, owner (absent: nobody) and noted (microseconds; when its change was last told outside).
-- Item number N is stream entry N-0: the order is the order of appends, whatever any clock says. Its field i is its id, or PREFIX* for an
-- id of ours: PREFIX, 32 digits of sha1(seed:N) and N in 16 digits, all hexadecimal. Its field j is its JSON from behind the id on.
-- A large item's j is 'Z', its length in 8 hexadecimal digits, and a zstd frame.
-- A step answers false for a conversation that isn't there, and writes nothing then; otherwise {answer, how long its keys' lifetimes
-- need not be set anew (ms)}, and, when those who keep count of conversations outside should hear of it, {..., owner, noted, the moment it expires (ms; 0: it is gone), bytes, version}.
local conv, items, ids = KEYS[1], KEYS[2], KEYS[3]
local asker = table.remove(ARGV)
local state = redis.call('HMGET', conv, 'version', 'seq', 'lifetime', 'seed', 'bytes', 'noted', 'owner')
local version, seq, lifetime, seed = tonumber(state[1]), tonumber(state[2]), tonumber(state[3]), state[4]
local bytes, noted, owner = tonumber(state[5]), tonumber(state[6]), state[7] or ''
local there = version and (asker == '' or asker == owner)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local now_us = time[1] * 1000000 + time[2]
local due, gone = false, false
local left = 0  -- until the next slide is due (ms), as far as this step has looked
local expires   -- when the keys do (ms), likewise
local fresh = false  -- a key besides the hash may have been made

local function whole(number) return string.format('%d', number) end

-- All keys of a conversation expire at one moment.
local function expire_together()
  expires = now + lifetime
  local at = whole(expires)
  redis.call('PEXPIREAT', conv, at)
  redis.call('PEXPIREAT', items, at)
  redis.call('PEXPIREAT', ids, at)
  due = true
end

-- Every use slides the lifetime, unless more than 29/30 of it is left. True when it did.
local function slide()
  expires = redis.call('PEXPIRETIME', conv)
  left = expires - now - (lifetime - math.floor(lifetime / 30))
  if left > 0 then return false end
  left = math.floor(lifetime / 30)
  expire_together()
  return true
end

-- What an answer tells of the conversation itself: created (s), version, metadata, lifetime (ms), the moment it expires (ms).
local function describe()
  local got = redis.call('HMGET', conv, 'created', 'version', 'metadata', 'lifetime')
  return { tonumber(got[1]), tonumber(got[2]), got[3], tonumber(got[4]), expires }
end

-- The id of item `number` whose field i is `stored`.
local function id_of(stored, number)
  if string.sub(stored, -1) ~= '*' then return stored end
  local middle = string.sub(redis.sha1hex(seed .. ':' .. whole(number)), 1, 32)
  return string.sub(stored, 1, -2) .. middle .. string.format('%016x', number)
end

-- The number that an id of the form of ours ends in, or nil.
local function own_number(id)
  local hex = string.match(id, '^%l+_%x+$') and string.sub(id, -16)
  if not hex or #hex ~= 16 then return nil end
  local number = tonumber(hex, 16)
  if not number or number < 1 or number > seq then return nil end
  return number
end

local function entry_at(number, id)
  local at = whole(number) .. '-0'
  local entry = redis.call('XRANGE', items, at, at)[1]
  if not entry or id_of(entry[2][2], number) ~= id then return nil end
  return entry
end

-- The stream entry of item `id`, or nil.
local function entry_of(id)
  local number = own_number(id)
  local entry = number and entry_at(number, id)
  if entry then return entry end
  number = redis.call('HGET', ids, id)
  return number and entry_at(tonumber(number), id)
end

-- The number of the item that `id` names, be it deleted since, or nil.
local function number_of(id)
  return tonumber(redis.call('HGET', ids, id) or own_number(id))
end

-- How long an item's JSON is.
local function size_of(entry)
  local stored = entry[2][4]
  return string.sub(stored, 1, 1) == 'Z' and tonumber(string.sub(stored, 2, 9), 16) or #stored
end

-- What an answer with items begins with.
local function new_flat() return { seed, version } end

-- As items go into an answer: number, field i, field j.
local function add_to(flat, entry)
  flat[#flat + 1] = string.match(entry[1], '^%d+')
  flat[#flat + 1] = entry[2][2]
  flat[#flat + 1] = entry[2][4]
end

local function finish(answer)
  if not answer then return false end
  if not due then return { answer, left } end
  return { answer, left, owner, noted, gone and 0 or expires or redis.call('PEXPIRETIME', conv), bytes, version }
end

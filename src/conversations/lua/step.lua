-- What every step on a conversation begins with. KEYS: the conversation's hash, its items (a stream), its item ids (a hash); they share a
-- hash tag, so that a step works on Redis Cluster.
-- The hash holds created (seconds), version, seq (the number of the newest item ever), count, lifetime (ms) and metadata (JSON text).
-- Item number N is stream entry N-0: the order is the order of appends, whatever any clock says.
-- A step answers false for a conversation that isn't there, and writes nothing then.
local conv, items, ids = KEYS[1], KEYS[2], KEYS[3]

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- All keys of a conversation expire at one moment.
local function expire_together(lifetime)
  local at = string.format('%d', now_ms() + lifetime)
  redis.call('PEXPIREAT', conv, at)
  redis.call('PEXPIREAT', items, at)
  redis.call('PEXPIREAT', ids, at)
end

-- Every use slides the lifetime, unless more than 29/30 of it is left. True when it did.
local function slide()
  local lifetime = tonumber(redis.call('HGET', conv, 'lifetime'))
  if redis.call('PTTL', conv) > lifetime - math.floor(lifetime / 30) then return false end
  expire_together(lifetime)
  return true
end

-- Ends a change: a key that came to be in it expires with the others. Returns the new version.
local function touch()
  if not slide() then
    local at = string.format('%d', redis.call('PEXPIRETIME', conv))
    redis.call('PEXPIREAT', items, at, 'NX')
    redis.call('PEXPIREAT', ids, at, 'NX')
  end
  return redis.call('HINCRBY', conv, 'version', 1)
end

-- What an answer tells of the conversation itself: created (s), version, metadata, lifetime (ms), the moment it expires (ms).
local function describe()
  local got = redis.call('HMGET', conv, 'created', 'version', 'metadata', 'lifetime')
  return { tonumber(got[1]), tonumber(got[2]), got[3], tonumber(got[4]), redis.call('PEXPIRETIME', conv) }
end

-- The number of the item that `id` names, or nil. One of ours ends in its number; a client's is looked up.
local function number_of(id)
  local number = redis.call('HGET', ids, id)
  if number then return tonumber(number) end
  local hex = string.match(id, '^%l+_%x+$') and string.sub(id, -16)
  if not hex or #hex ~= 16 then return nil end
  number = tonumber(hex, 16)
  if not number or number < 1 or number > tonumber(redis.call('HGET', conv, 'seq')) then return nil end
  return number
end

-- The stream entry of item `id`, or nil.
local function entry_of(id)
  local number = number_of(id)
  if not number then return nil end
  local at = string.format('%d-0', number)
  local entry = redis.call('XRANGE', items, at, at)[1]
  if not entry or entry[2][2] ~= id then return nil end
  return entry
end

local function remove(entry)
  redis.call('XDEL', items, entry[1])
  redis.call('HDEL', ids, entry[2][2])
  redis.call('HINCRBY', conv, 'count', -1)
end

-- Items come as triples in ARGV from `first` on: an id the client gave or '', the start of an id of ours, the JSON after its id.
-- Returns nil and the id at fault when a given id is there already, be it a client's or one of ours come back; nothing has been written then.
local function append_items(first)
  local seen = {}
  for i = first, #ARGV, 3 do
    local given = ARGV[i]
    if given ~= '' then
      if seen[given] or entry_of(given) then return nil, given end
      seen[given] = true
    end
  end
  local total = math.floor((#ARGV - first + 1) / 3)
  local number = redis.call('HINCRBY', conv, 'seq', total) - total
  redis.call('HINCRBY', conv, 'count', total)
  local made = {}
  for i = first, #ARGV, 3 do
    number = number + 1
    local id = ARGV[i]
    if id == '' then
      id = ARGV[i + 1] .. string.format('%016x', number)
    else
      redis.call('HSET', ids, id, string.format('%d', number))
    end
    redis.call('XADD', items, string.format('%d-0', number), 'id', id, 'json', ARGV[i + 2])
    made[#made + 1] = id
  end
  return made
end

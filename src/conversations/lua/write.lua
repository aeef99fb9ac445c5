-- What every write begins with, behind step.lua. ARGV[1]: the versions it may meet, comma-separated, or ''; ARGV[2]: the fingerprint of a
-- request that came with an idempotency key, or ''; ARGV[3]: how long such a request's answer is kept (ms); ARGV[4]: a change is told
-- outside when the last one told is so old (ms). KEYS[4]: where the answer is kept, if it has a key.
-- Because the answer is kept in the step that makes the change, a repetition finds both or neither, however close behind it comes.
local record = KEYS[4]
local expected, fingerprint = ARGV[1], ARGV[2]

-- The answer the first request with this key got, 'key_reused' when it was another request, nil when this is the first.
local function replayed()
  if fingerprint == '' then return nil end
  local kept = redis.call('GET', record)
  if not kept then return nil end
  if string.sub(kept, 1, #fingerprint) ~= fingerprint then return 'key_reused' end
  redis.call('PEXPIRE', record, ARGV[3])  -- a write, so that WAIT is about all that this record stands for
  return cmsgpack.unpack(string.sub(kept, #fingerprint + 1))
end

-- What to answer instead of writing: a replay, false when the conversation isn't there, 'stale' when its version isn't one expected; or nil.
local function before_write()
  local answer = replayed()
  if answer ~= nil then return answer end
  if not there then return false end
  if expected ~= '' and not string.find(',' .. expected .. ',', ',' .. whole(version) .. ',', 1, true) then return 'stale' end
  return nil
end

-- Ends a change: the hash is what the locals say, and a key that came to be in it expires with the others. Returns the new version.
local function touch()
  version = version + 1
  if now_us - noted >= tonumber(ARGV[4]) * 1000 then
    noted = now_us
    due = true
  end
  redis.call('HSET', conv, 'version', whole(version), 'seq', whole(seq), 'bytes', whole(bytes), 'noted', whole(noted))
  if not slide() and fresh then
    redis.call('PEXPIREAT', items, whole(expires), 'NX')
    redis.call('PEXPIREAT', ids, whole(expires), 'NX')
  end
  return version
end

-- Items come as triples in ARGV from `first` on: an id the client gave or '', the start of an id of ours, the JSON after its id.
-- With '&' for the start, the id is that of an item to append once more, under a new id.
-- Returns the number of the first, and fields i and j of what was appended once more; or nil and what to answer when a given id is there
-- already, be it a client's or one of ours come back, or one to append once more isn't; nothing has been written then. touch() must follow.
local function append_items(first)
  local seen, again = {}, {}
  for i = first, #ARGV, 3 do
    local given = ARGV[i]
    if ARGV[i + 1] == '&' then
      local entry = entry_of(given)
      if not entry then return nil, { 'missing', given } end
      again[#again + 1] = (string.match(given, '^%l+_') or 'item_') .. '*'
      again[#again + 1] = entry[2][4]
    elseif given ~= '' then
      if seen[given] or entry_of(given) then return nil, { 'duplicate', given } end
      seen[given] = true
    end
  end
  local number, taken = seq, 0
  for i = first, #ARGV, 3 do
    number = number + 1
    local id, json = ARGV[i], ARGV[i + 2]
    if ARGV[i + 1] == '&' then
      id, json, taken = again[taken + 1], again[taken + 2], taken + 2
    elseif id == '' then
      id = ARGV[i + 1] .. '*'
    else
      redis.call('HSET', ids, id, whole(number))
      fresh = true
    end
    local at = whole(number) .. '-0'
    if not redis.call('XADD', items, 'NOMKSTREAM', at, 'i', id, 'j', json) then
      redis.call('XADD', items, at, 'i', id, 'j', json)
      fresh = true
    end
    bytes = bytes + #json
  end
  first, seq = seq + 1, number
  return first, again
end

-- touch() must follow.
local function remove(entry)
  redis.call('XDEL', items, entry[1])
  if string.sub(entry[2][2], -1) ~= '*' then redis.call('HDEL', ids, entry[2][2]) end
  bytes = bytes - #entry[2][4]
end

-- Keeps the answer for a repetition, and gives it.
local function done(answer)
  if fingerprint ~= '' then redis.call('SET', record, fingerprint .. cmsgpack.pack(answer), 'PX', ARGV[3]) end
  return answer
end

-- What every write begins with, behind step.lua. ARGV[1]: the versions it may meet, comma-separated, or ''; ARGV[2]: the fingerprint of a
-- request that came with an idempotency key, or ''; ARGV[3]: how long such a request's answer is kept (ms). KEYS[4]: where, if it has a key.
-- Because the answer is kept in the step that makes the change, a repetition finds both or neither, however close behind it comes.
local record = KEYS[4]
local expected, fingerprint = ARGV[1], ARGV[2]

-- The answer the first request with this key got, 'key_reused' when it was another request, nil when this is the first.
local function replayed()
  if fingerprint == '' then return nil end
  local kept = redis.call('GET', record)
  if not kept then return nil end
  if string.sub(kept, 1, #fingerprint) ~= fingerprint then return 'key_reused' end
  return cmsgpack.unpack(string.sub(kept, #fingerprint + 1))
end

-- What to answer instead of writing: a replay, false when the conversation isn't there, 'stale' when its version isn't one expected; or nil.
local function before_write()
  local answer = replayed()
  if answer ~= nil then return answer end
  if redis.call('EXISTS', conv) == 0 then return false end
  if expected ~= '' then
    local version = redis.call('HGET', conv, 'version')
    if not string.find(',' .. expected .. ',', ',' .. version .. ',', 1, true) then return 'stale' end
  end
  return nil
end

-- Keeps the answer for a repetition, and gives it.
local function done(answer)
  if fingerprint ~= '' then redis.call('SET', record, fingerprint .. cmsgpack.pack(answer), 'PX', ARGV[3]) end
  return answer
end

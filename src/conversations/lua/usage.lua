-- What the conversations of a tenant with a quota take. KEYS[1]: a hash from ids to 'BYTES VERSION', with the sum under 'total'; KEYS[2]: the
-- ids by the moment they expire (ms). ARGV: what to do, an id, bytes, a version, a moment (ms; take: from now), most conversations, most bytes (0: no limit).
--   take  reserves bytes for a write to come; answers 'conversations' or 'bytes' when there is no room for it, else 'ok'
--   give  gives back what was taken for a write that was not made
--   set   says what the conversation takes at a version; an older one than known changes nothing
--   drop  says that it is gone
local usage, moments = KEYS[1], KEYS[2]
local what, id, amount, version, moment = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function known(name)
  local text = redis.call('HGET', usage, name)
  if not text then return nil end
  local bytes, at = string.match(text, '^(%-?%d+) (%d+)$')
  return tonumber(bytes), tonumber(at)
end

local function put(name, bytes, at, before)
  redis.call('HSET', usage, name, string.format('%d %d', bytes, at))
  redis.call('HINCRBY', usage, 'total', string.format('%d', bytes - before))
end

local function drop(name)
  local bytes = known(name)
  if bytes then
    redis.call('HINCRBY', usage, 'total', string.format('%d', -bytes))
    redis.call('HDEL', usage, name)
  end
  redis.call('ZREM', moments, name)
end

local function keep(name)
  redis.call('ZADD', moments, string.format('%d', moment), name)
  for _, key in ipairs(KEYS) do
    if redis.call('PEXPIRETIME', key) < moment then redis.call('PEXPIREAT', key, string.format('%d', moment)) end
  end
end

for _, expired in ipairs(redis.call('ZRANGE', moments, '-inf', string.format('%d', now), 'BYSCORE', 'LIMIT', 0, 100)) do drop(expired) end
local bytes, at = known(id)
if what == 'take' then
  local most, most_bytes = tonumber(ARGV[6]), tonumber(ARGV[7])
  if not bytes and most > 0 and redis.call('ZCARD', moments) >= most then return 'conversations' end
  local total = tonumber(redis.call('HGET', usage, 'total') or '0')
  if most_bytes > 0 and total + amount > most_bytes then return 'bytes' end
  moment = math.max(now + moment, tonumber(redis.call('ZSCORE', moments, id) or '0'))
  put(id, (bytes or 0) + amount, at or 0, bytes or 0)
  keep(id)
elseif what == 'give' and bytes then
  put(id, bytes - amount, at, bytes)
  if at == 0 and bytes <= amount then drop(id) end
elseif what == 'set' and (not at or at <= version) then
  put(id, amount, version, bytes or 0)
  keep(id)
elseif what == 'drop' then
  drop(id)
end
return 'ok'

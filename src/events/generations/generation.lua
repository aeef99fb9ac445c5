-- The life of a generation in a channel: one verb a call, each one atomic.
-- KEYS: the log, the live channel, the generation's record (all of one hash tag)
-- ARGV: verb, lifetime of log and record in ms, most events of a generation; then
--   begin:  producer, lease in ms
--   append: producer, lease in ms, number of the batch, end ("" or finished or failed), its reason, number of events;
--           then for each event the number of its fields and their names and values
--   look:   a cursor ("" for none)
--   stop:   nothing
-- Answers {1 when the verb was applied, else 0; state; the event before the first; the last; events; ms left of the
-- lease; 1 when the cursor is an end}. Whichever verb finds that the producer's lease has run out ends the generation.
local log, live, record = KEYS[1], KEYS[2], KEYS[3]
local verb, lifetime, longest = ARGV[1], ARGV[2], tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local known = redis.call('HMGET', record, 'state', 'producer', 'after', 'last', 'events', 'lease', 'batch')
local state, producer, after, last = known[1] or 'none', known[2], known[3] or '0-0', known[4] or '0-0'
local events, lease, batch = tonumber(known[5] or 0), tonumber(known[6] or 0), known[7]

local function newest()
  local entry = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  return entry and entry[1] or '0-0'
end

local function append(list)
  local predecessor = newest()
  local message = {struct.pack('>BI4', 1, #list)}
  for _, fields in ipairs(list) do
    local id = redis.call('XADD', log, 'MAXLEN', '~', longest, '*', 'p', predecessor, unpack(fields))
    message[#message + 1] = struct.pack('>Bc0Bc0I2', #id, id, #predecessor, predecessor, #fields / 2)
    for i = 1, #fields, 2 do
      message[#message + 1] = struct.pack('>Bc0I4', #fields[i], fields[i], #fields[i + 1])
      message[#message + 1] = fields[i + 1]
    end
    predecessor = id
  end
  last = predecessor
  redis.call('SPUBLISH', live, table.concat(message))
end

local function keep()
  redis.call('HSET', record, 'state', state, 'producer', producer or '', 'after', after, 'last', last, 'events', events,
    'lease', lease, 'batch', batch or '')
  redis.call('PEXPIRE', record, lifetime)
  redis.call('PEXPIRE', log, lifetime)
end

local function finish(status, reason)
  local data = '{"status":"' .. status .. '","reason":' .. (reason == '' and 'null' or '"' .. reason .. '"') ..
    ',"events":' .. events .. '}'
  append({{'d', data, 'e', 'inkwell.end'}})
  state = status
  keep()
end

local function answer(applied, at_end)
  return {applied, state, after, last, events, math.max(lease - now, 0), at_end or 0}
end

if state == 'streaming' and lease < now then finish('failed', 'producer_lost') end

if verb == 'begin' then
  if state == 'streaming' then
    redis.call('PEXPIRE', record, lifetime)
    return answer(producer == ARGV[4] and 1 or 0)
  end
  state, producer, after, events, batch = 'streaming', ARGV[4], newest(), 0, ''
  last, lease = after, now + tonumber(ARGV[5])
  keep()
  return answer(1)
end

if verb == 'append' then
  if producer == ARGV[4] and batch == ARGV[6] then
    redis.call('PEXPIRE', record, lifetime)  -- a write, so that WAIT is about the batch too
    return answer(1)
  end
  if state ~= 'streaming' or producer ~= ARGV[4] then return answer(0) end
  local count = tonumber(ARGV[9])
  if events + count > longest then
    finish('failed', 'too_long')
    return answer(0)
  end
  local list, at = {}, 10
  for i = 1, count do
    local size = 2 * tonumber(ARGV[at])
    list[i] = {unpack(ARGV, at + 1, at + size)}
    at = at + size + 1
  end
  if count > 0 then append(list) end
  events, batch, lease = events + count, ARGV[6], now + tonumber(ARGV[5])
  if ARGV[7] == '' then keep() else finish(ARGV[7], ARGV[8]) end
  return answer(1)
end

if verb == 'stop' then
  if state ~= 'streaming' then return answer(0) end
  finish('stopped', '')
  return answer(1)
end

-- look: a log that has gone (it expired, or was deleted) has nothing to replay
if state ~= 'none' and state ~= 'streaming' and redis.call('EXISTS', log) == 0 then state = 'none' end
if state == 'none' then after = newest() end  -- whoever waits for one begins there
local at_end = 0
if ARGV[4] ~= '' then
  local entry = redis.call('XRANGE', log, ARGV[4], ARGV[4])[1]
  if entry then
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'e' and entry[2][i + 1] == 'inkwell.end' then at_end = 1 end
    end
  end
end
return answer(1, at_end)

-- Publishes events to a channel in one atomic step: all of them or none, once per idempotency key.
-- KEYS: the log, the live channel, the idempotency record (all of one hash tag)
-- ARGV: longest log, its trimming ("~" or "="), lifetime of the log in ms, lifetime of the record in ms, fingerprint of what is
--       published, number of events; then for each event the number of its fields and their names and values
-- Answers {1 when the record answered and nothing was appended, else 0; id; id; ...}.
local log, live, record = KEYS[1], KEYS[2], KEYS[3]

local known = redis.call('GET', record)
if known then
  local answer = {1}
  local fingerprint
  for word in string.gmatch(known, '%S+') do
    if fingerprint then answer[#answer + 1] = word else fingerprint = word end
  end
  if fingerprint ~= ARGV[5] then
    return redis.error_reply('IDEMPOTENCY this key was used to publish something else')
  end
  redis.call('PEXPIRE', record, ARGV[4])  -- a write, so that WAIT is about all that this record stands for
  return answer
end

local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
local predecessor = newest and newest[1] or '0-0'
local answer = {0}
local message = {struct.pack('>BI4', 1, tonumber(ARGV[6]))}
local next_argument = 7
for _ = 1, tonumber(ARGV[6]) do
  local fields = tonumber(ARGV[next_argument])
  local first, last = next_argument + 1, next_argument + 2 * fields
  local id = redis.call('XADD', log, 'MAXLEN', ARGV[2], ARGV[1], '*', 'p', predecessor, unpack(ARGV, first, last))
  message[#message + 1] = struct.pack('>Bc0Bc0I2', #id, id, #predecessor, predecessor, fields)
  for i = first, last, 2 do
    message[#message + 1] = struct.pack('>Bc0I4', #ARGV[i], ARGV[i], #ARGV[i + 1])
    message[#message + 1] = ARGV[i + 1]
  end
  answer[#answer + 1] = id
  predecessor = id
  next_argument = last + 1
end
redis.call('PEXPIRE', log, ARGV[3])
redis.call('SET', record, ARGV[5] .. ' ' .. table.concat(answer, ' ', 2), 'PX', ARGV[4])
redis.call('SPUBLISH', live, table.concat(message))
return answer

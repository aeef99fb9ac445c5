-- A page of an index, the latest first. KEYS[1]: the index. ARGV: how many, then the place to go on behind: a time (microseconds) and an id, both ''
-- for the start, the time alone '' for where the id is now. Answers {id, time, id, time, ...}, or 'no_such_id'.
local most, at, id = tonumber(ARGV[1]), ARGV[2], ARGV[3]
if id ~= '' and at == '' then
  at = redis.call('ZSCORE', KEYS[1], id)
  if not at then return 'no_such_id' end
end
local flat = {}
local high, skip = at ~= '' and at or '+inf', 0
while #flat < most * 2 do
  local found = redis.call('ZRANGE', KEYS[1], high, '-inf', 'BYSCORE', 'REV', 'LIMIT', skip, most + 1, 'WITHSCORES')
  for i = 1, #found, 2 do
    local beyond = at == '' or tonumber(found[i + 1]) < tonumber(at) or found[i] < id
    if beyond and #flat < most * 2 then
      flat[#flat + 1] = found[i]
      flat[#flat + 1] = found[i + 1]
    end
  end
  if #found < (most + 1) * 2 then break end
  skip = skip + most + 1
end
return flat

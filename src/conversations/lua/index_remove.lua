-- Takes conversations out of an index. KEYS[1]: the index. ARGV[1]: 'gone', or 'stale': those were not found, and go only if they were added
-- a minute ago or more, since a conversation is put into the index before it is made. The rest: their ids.
local time = redis.call('TIME')
local before = (tonumber(time[1]) - 60) * 1000000
for i = 2, #ARGV do
  local at = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if at and (ARGV[1] == 'gone' or tonumber(at) < before) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return #ARGV - 1

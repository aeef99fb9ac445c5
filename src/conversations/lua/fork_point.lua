-- Where a copy ends. ARGV[1]: the id of the last item to be in it, or '' for the newest. Answers {its number, metadata, lifetime (ms)}, or
-- 'no_such_item'.
if redis.call('EXISTS', conv) == 0 then return false end
slide()
local got = redis.call('HMGET', conv, 'seq', 'metadata', 'lifetime')
local number = tonumber(got[1])
if ARGV[1] ~= '' then
  if not entry_of(ARGV[1]) then return 'no_such_item' end
  number = number_of(ARGV[1])
end
return { number, got[2], tonumber(got[3]) }

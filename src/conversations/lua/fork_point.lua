-- Where a copy ends. ARGV[1]: the id of the last item to be in it, or '' for the newest. Answers {its number, metadata, lifetime (ms),
-- owner, its bytes}, or 'no_such_item'.
if not there then return false end
slide()
local number = seq
if ARGV[1] ~= '' then
  if not entry_of(ARGV[1]) then return 'no_such_item' end
  number = number_of(ARGV[1])
end
return { number, redis.call('HGET', conv, 'metadata'), lifetime, owner, bytes }

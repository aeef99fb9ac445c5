-- One item. ARGV[1]: its id. Answers {id, json}, or 'no_such_item'.
if redis.call('EXISTS', conv) == 0 then return false end
slide()
local entry = entry_of(ARGV[1])
if not entry then return 'no_such_item' end
return { entry[2][2], entry[2][4] }

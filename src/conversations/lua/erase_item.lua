-- Removes one item. ARGV[1]: its id. Answers the conversation, or 'no_such_item'.
if redis.call('EXISTS', conv) == 0 then return false end
local entry = entry_of(ARGV[1])
if not entry then return 'no_such_item' end
redis.call('XDEL', items, entry[1])
redis.call('HDEL', ids, ARGV[1])
redis.call('HINCRBY', conv, 'count', -1)
touch()
return describe()

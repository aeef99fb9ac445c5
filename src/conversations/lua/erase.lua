-- Removes the conversation and all its items. Answers 1, or false when there was none.
if redis.call('EXISTS', conv) == 0 then return false end
redis.call('UNLINK', conv, items, ids)
return 1

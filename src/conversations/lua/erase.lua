-- Removes the conversation and all its items. Answers 1, or false when there was none.
local instead = before_write()
if instead ~= nil then return instead end
redis.call('UNLINK', conv, items, ids)
return done(1)

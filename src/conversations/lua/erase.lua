-- Removes the conversation and all its items. Answers 1.
local instead = before_write()
if instead ~= nil then return instead end
redis.call('UNLINK', conv, items, ids)
due, gone = true, true
return done(1)

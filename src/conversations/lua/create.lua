-- Makes a conversation with its first items. ARGV from 4 on: lifetime in ms, metadata, items (see append_items). Answers {conversation, ids},
-- 'exists' when the id is taken, or {'duplicate', id}.
local instead = replayed()
if instead ~= nil then return instead end
if redis.call('EXISTS', conv) == 1 then return 'exists' end
redis.call('HSET', conv, 'created', redis.call('TIME')[1], 'version', 1, 'seq', 0, 'count', 0, 'lifetime', ARGV[4], 'metadata', ARGV[5])
local made, duplicate = append_items(6)
if not made then
  redis.call('DEL', conv)
  return { 'duplicate', duplicate }
end
expire_together(tonumber(ARGV[4]))
return done({ describe(), made })

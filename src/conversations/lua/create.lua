-- Makes a conversation with its first items. ARGV: lifetime in ms, metadata, then items (see append_items). Answers {conversation, ids},
-- 'exists' when the id is taken, or {'duplicate', id}.
if redis.call('EXISTS', conv) == 1 then return 'exists' end
redis.call('HSET', conv, 'created', redis.call('TIME')[1], 'version', 1, 'seq', 0, 'count', 0, 'lifetime', ARGV[1], 'metadata', ARGV[2])
local made, duplicate = append_items(3)
if not made then
  redis.call('DEL', conv)
  return { 'duplicate', duplicate }
end
expire_together(tonumber(ARGV[1]))
return { describe(), made }

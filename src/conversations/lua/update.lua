-- Changes the conversation. ARGV[4]: '1' to replace the metadata by ARGV[5]; ARGV[6]: a new lifetime in ms or ''. Answers the conversation.
local instead = before_write()
if instead ~= nil then return instead end
if ARGV[4] == '1' then redis.call('HSET', conv, 'metadata', ARGV[5]) end
if ARGV[6] ~= '' then
  redis.call('HSET', conv, 'lifetime', ARGV[6])
  expire_together(tonumber(ARGV[6]))
end
touch()
return done(describe())

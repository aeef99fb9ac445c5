-- Changes the conversation. ARGV[5]: '1' to replace the metadata by ARGV[6]; ARGV[7]: a new lifetime in ms or ''. Answers the conversation.
local instead = before_write()
if instead ~= nil then return instead end
if ARGV[5] == '1' then redis.call('HSET', conv, 'metadata', ARGV[6]) end
if ARGV[7] ~= '' then
  redis.call('HSET', conv, 'lifetime', ARGV[7])
  lifetime = tonumber(ARGV[7])
  expire_together()
end
touch()
return done(describe())

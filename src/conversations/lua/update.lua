-- Replaces the metadata (ARGV[1]). Answers the conversation.
if redis.call('EXISTS', conv) == 0 then return false end
redis.call('HSET', conv, 'metadata', ARGV[1])
touch()
return describe()

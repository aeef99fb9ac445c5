-- Puts items with their numbers and ids behind those of a conversation that is made if it isn't there. ARGV: lifetime in ms, metadata, the
-- number of the newest item ever, then triples: number, id, the JSON after its id. Answers the conversation.
redis.call('HSETNX', conv, 'created', redis.call('TIME')[1])
redis.call('HSET', conv, 'version', 1, 'seq', ARGV[3], 'lifetime', ARGV[1], 'metadata', ARGV[2])
redis.call('HINCRBY', conv, 'count', math.floor((#ARGV - 3) / 3))
for i = 4, #ARGV, 3 do
  local number, id = ARGV[i], ARGV[i + 1]
  if number_of(id) ~= tonumber(number) then redis.call('HSET', ids, id, number) end
  redis.call('XADD', items, number .. '-0', 'id', id, 'json', ARGV[i + 2])
end
expire_together(tonumber(ARGV[1]))
return describe()

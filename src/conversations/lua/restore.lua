-- Puts items with their numbers and ids behind those of a conversation that is made if it isn't there. ARGV: lifetime in ms, metadata, the
-- number of the newest item ever, seed, owner or '', then triples: number, id, the JSON after its id. Answers the conversation.
if not version then
  bytes, noted, owner = 0, now_us, ARGV[5]
  redis.call('HSET', conv, 'created', time[1], 'noted', whole(noted))
  if owner ~= '' then redis.call('HSET', conv, 'owner', owner) end
end
version, seq, lifetime, seed = 1, tonumber(ARGV[3]), tonumber(ARGV[1]), ARGV[4]
for i = 6, #ARGV, 3 do
  local number, id = ARGV[i], ARGV[i + 1]
  if own_number(id) ~= tonumber(number) then redis.call('HSET', ids, id, number) end
  redis.call('XADD', items, number .. '-0', 'i', id, 'j', ARGV[i + 2])
  bytes = bytes + #ARGV[i + 2]
end
redis.call('HSET', conv, 'version', 1, 'seq', ARGV[3], 'lifetime', ARGV[1], 'metadata', ARGV[2], 'seed', seed, 'bytes', whole(bytes))
expire_together()
return describe()

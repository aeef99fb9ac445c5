-- Settles which conversation a creation with an idempotency key makes, before it is made: whoever comes first proposes its id. KEYS[1]: the
-- record. ARGV: the request's fingerprint, the id proposed, how long to keep it (ms). Answers the id, or 'key_reused'.
local kept = redis.call('GET', KEYS[1])
if not kept then
  redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
  return ARGV[2]
end
if string.sub(kept, 1, #ARGV[1]) ~= ARGV[1] then return 'key_reused' end
return string.sub(kept, #ARGV[1] + 1)

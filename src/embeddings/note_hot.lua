-- Notes uses of embeddings in a model's hot set. A member's score is a time: when it is forgotten, unless it is used
-- again. Each use moves it on, from now at least and by `credit` seconds a use, to `ahead` seconds from now at most: what
-- was used often outlives what was used once, and nothing stays for ever.
-- KEYS[1] the hot set; ARGV: lifetime of the set in ms, most members, credit, ahead, then uses and member by turns.
local now = tonumber(redis.call('TIME')[1])
local lifetime, most, credit, ahead = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for i = 5, #ARGV, 2 do
  local old = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i + 1]) or '0')
  local score = math.min(math.max(old, now) + credit * tonumber(ARGV[i]), now + ahead)
  redis.call('ZADD', KEYS[1], score, ARGV[i + 1])
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -most - 1)
redis.call('PEXPIRE', KEYS[1], lifetime)
return redis.call('ZCARD', KEYS[1])

-- Notes a conversation in its owner's index. KEYS[1]: the index. ARGV: its id, when it was last active (microseconds) and until when it lives (ms),
-- or '' for now and how long from now, how many others to name. Answers ids of others in the index, chosen at random, which may be stale.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = ARGV[2] ~= '' and ARGV[2] or string.format('%d', time[1] * 1000000 + time[2])
redis.call('ZADD', KEYS[1], 'GT', at, ARGV[1])
local keep = (ARGV[2] == '' and now or 0) + tonumber(ARGV[3])
if redis.call('PEXPIRETIME', KEYS[1]) < keep then redis.call('PEXPIREAT', KEYS[1], string.format('%d', keep)) end
if ARGV[4] == '0' then return {} end
return redis.call('ZRANDMEMBER', KEYS[1], ARGV[4])

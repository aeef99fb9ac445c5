-- Makes a conversation with its first items. ARGV from 5 on: lifetime in ms, metadata, seed, owner or '', items (see append_items). Answers
-- the conversation, 'exists' when the id is taken, {'duplicate', id} or {'missing', id}.
local instead = replayed()
if instead ~= nil then return instead end
if version then return 'exists' end
version, seq, bytes, noted, lifetime, seed, owner = 0, 0, 0, now_us, tonumber(ARGV[5]), ARGV[7], ARGV[8]
local first, found = append_items(9)
if not first then return found end
redis.call('HSET', conv, 'created', time[1], 'lifetime', ARGV[5], 'metadata', ARGV[6], 'seed', seed)
if owner ~= '' then redis.call('HSET', conv, 'owner', owner) end
expire_together()
touch()
return done(describe())

-- Items by their numbers. ARGV: the number of the first and of the last, how many bytes to stop behind. Answers {seed, version, items ...}, the oldest
-- first.
if not there then return false end
local entries = redis.call('XRANGE', items, ARGV[1] .. '-0', ARGV[2] .. '-0', 'COUNT', 128)
local flat, bytes_left = new_flat(), tonumber(ARGV[3])
for _, entry in ipairs(entries) do
  add_to(flat, entry)
  bytes_left = bytes_left - size_of(entry)
  if bytes_left < 0 then break end
end
return flat

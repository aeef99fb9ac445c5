-- Items with their numbers. ARGV: the number of the first and of the last, how many bytes to stop behind. Answers {number, id, json, ...}, the
-- oldest first.
if redis.call('EXISTS', conv) == 0 then return false end
local entries = redis.call('XRANGE', items, ARGV[1] .. '-0', ARGV[2] .. '-0', 'COUNT', 128)
local flat, bytes_left = {}, tonumber(ARGV[3])
for _, entry in ipairs(entries) do
  flat[#flat + 1] = string.match(entry[1], '^%d+')
  flat[#flat + 1] = entry[2][2]
  flat[#flat + 1] = entry[2][4]
  bytes_left = bytes_left - #entry[2][4]
  if bytes_left < 0 then break end
end
return flat

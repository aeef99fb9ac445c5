-- The newest items. ARGV[1]: how many at most; ARGV[2]: how many bytes at most. Answers {seed, version, items ...} from the newest on, with the first
-- item that is too much, if any, as the last.
if not there then return false end
slide()
local most, bytes_left = tonumber(ARGV[1]), tonumber(ARGV[2])
local flat, from, found = new_flat(), '+', 0
while true do
  local entries = redis.call('XREVRANGE', items, from, '-', 'COUNT', 32)
  for _, entry in ipairs(entries) do
    add_to(flat, entry)
    found = found + 1
    bytes_left = bytes_left - size_of(entry)
    if found > most or bytes_left < 0 then return flat end
  end
  if #entries < 32 then return flat end
  from = '(' .. entries[#entries][1]
end

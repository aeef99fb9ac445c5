-- A page of items. ARGV: 'asc' or 'desc', how many (one more than the page, to see whether more follow), the id to go on after or ''.
-- Answers {seed, version, items ...}, or 'no_such_item'. The item gone on after may have been deleted since: its number still says where.
if not there then return false end
slide()
local from = ARGV[1] == 'asc' and '-' or '+'
if ARGV[3] ~= '' then
  local number = number_of(ARGV[3])
  if not number then return 'no_such_item' end
  from = string.format('(%d-0', number)
end
local entries
if ARGV[1] == 'asc' then
  entries = redis.call('XRANGE', items, from, '+', 'COUNT', ARGV[2])
else
  entries = redis.call('XREVRANGE', items, from, '-', 'COUNT', ARGV[2])
end
local flat = new_flat()
for _, entry in ipairs(entries) do add_to(flat, entry) end
return flat

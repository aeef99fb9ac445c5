-- One item. ARGV[1]: its id. Answers {seed, number, field i, JSON}, or 'no_such_item'.
if not there then return false end
slide()
local entry = entry_of(ARGV[1])
if not entry then return 'no_such_item' end
local flat = { seed }
add_to(flat, entry)
return flat

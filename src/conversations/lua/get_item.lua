-- One item. ARGV[1]: its id. Answers {seed, version, number, field i, field j}, or 'no_such_item'.
if not there then return false end
slide()
local entry = entry_of(ARGV[1])
if not entry then return 'no_such_item' end
local flat = new_flat()
add_to(flat, entry)
return flat

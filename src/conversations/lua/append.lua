-- Appends items, all or none. ARGV: items (see append_items). Answers {ids}, or {"duplicate", id}.
if redis.call('EXISTS', conv) == 0 then return false end
local made, duplicate = append_items(1)
if not made then return { 'duplicate', duplicate } end
touch()
return { made }

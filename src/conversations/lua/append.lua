-- Appends items, all or none. ARGV from 4 on: items (see append_items). Answers {ids, version}, or {"duplicate", id}.
local instead = before_write()
if instead ~= nil then return instead end
local made, duplicate = append_items(4)
if not made then return { 'duplicate', duplicate } end
return done({ made, touch() })

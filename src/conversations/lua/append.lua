-- Appends items, all or none. ARGV from 5 on: items (see append_items). Answers {the first one's number, seed, version}, or
-- {'duplicate', id}.
local instead = before_write()
if instead ~= nil then return instead end
local first, duplicate = append_items(5)
if not first then return { 'duplicate', duplicate } end
return done({ first, seed, touch() })

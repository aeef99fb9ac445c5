-- Appends items, all or none. ARGV from 5 on: items (see append_items). Answers {the first one's number, seed, version, what
-- references stood for: field i, field j ...}, {'duplicate', id} or {'missing', id}.
local instead = before_write()
if instead ~= nil then return instead end
local first, found = append_items(5)
if not first then return found end
return done({ first, seed, touch(), found })

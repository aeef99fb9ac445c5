-- Removes the newest items. ARGV[5]: how many at most. Answers {{seed, version, items ...} from the oldest on, version}.
local instead = before_write()
if instead ~= nil then return instead end
local entries = redis.call('XREVRANGE', items, '+', '-', 'COUNT', ARGV[5])
local flat = new_flat()
if #entries == 0 then return done({ flat, version }) end
for i = #entries, 1, -1 do
  add_to(flat, entries[i])
  remove(entries[i])
end
return done({ flat, touch() })

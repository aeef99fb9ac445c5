-- Removes the newest items. ARGV[4]: how many at most. Answers {{id, json, id, json, ...} from the oldest on, version}.
local instead = before_write()
if instead ~= nil then return instead end
local entries = redis.call('XREVRANGE', items, '+', '-', 'COUNT', ARGV[4])
if #entries == 0 then return done({ {}, tonumber(redis.call('HGET', conv, 'version')) }) end
local flat = {}
for i = #entries, 1, -1 do
  flat[#flat + 1] = entries[i][2][2]
  flat[#flat + 1] = entries[i][2][4]
  remove(entries[i])
end
return done({ flat, touch() })

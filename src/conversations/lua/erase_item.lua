-- Removes one item. ARGV[5]: its id. Answers the conversation, or 'no_such_item'.
local instead = before_write()
if instead ~= nil then return instead end
local entry = entry_of(ARGV[5])
if not entry then return 'no_such_item' end
remove(entry)
touch()
return done(describe())

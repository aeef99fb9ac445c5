-- Answers the conversation.
if redis.call('EXISTS', conv) == 0 then return false end
slide_after_read()
return describe()

-- Answers the conversation.
if redis.call('EXISTS', conv) == 0 then return false end
slide()
return describe()

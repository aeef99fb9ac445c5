-- Answers the conversation.
if not there then return false end
slide()
return describe()

// What the steps answer as what callers get: conversations, items, errors; and the few texts that go the other way.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conversations/conversations.hpp"

namespace inkwell::conversations {

Error no_conversation(std::string_view id);
Error no_item(std::string_view item_id, std::string_view id);
Error duplicate(std::string_view item_id);
Error key_reused();
Error stale(std::string_view id);
Error damaged(std::string_view id);

/// From what describe() in step.lua answers.
Result<Conversation> conversation_of(redis::View view, std::string id);
/// `rest` is the item's JSON from behind its id on.
Item item_of(std::string_view id, std::string_view rest);
/// From a flat answer {id, rest, id, rest, ...}.
std::vector<Item> items_of(redis::View flat);

std::string text_of(const Metadata& metadata);  ///< a JSON object
std::string new_conversation_id();

}  // namespace inkwell::conversations

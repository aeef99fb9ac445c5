// What the steps answer as what callers get: conversations, items, errors; and the few texts that go the other way.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conversations/conversations.hpp"
#include "conversations/registry.hpp"

namespace inkwell::conversations {

Error no_conversation(std::string_view id);
Error no_item(std::string_view item_id, std::string_view id);
Error missing(std::string_view item_id, std::string_view id);  ///< of an item_reference
Error duplicate(std::string_view item_id);
Error key_reused();
Error stale(std::string_view id);
Error damaged(std::string_view id);

/// A step's reply is its answer and, perhaps, a note for the registry (see step.lua).
redis::View answer_of(const redis::Reply& reply);
/// How long a read may be answered without Redis: until a use must set the lifetime anew.
std::chrono::milliseconds slide_due_in(const redis::Reply& reply);
std::optional<Note> note_of(const redis::Reply& reply);

/// From what describe() in step.lua answers.
Result<Conversation> conversation_of(redis::View view, std::string id);
/// From HMGET created, version, metadata, lifetime and PEXPIRETIME; nothing when it isn't there.
std::optional<Conversation> conversation_of(redis::View fields, redis::View expires_at, std::string id);
/// The id of an item as it is stored (see step.lua), "PREFIX*" or itself.
std::string item_id_of(std::string_view stored, std::string_view seed, std::uint64_t number);
/// `rest` is the item's JSON from behind its id on.
Item item_of(std::string id, std::string_view rest);
/// The first answer to have items: seed and version, then number, stored id and stored JSON of each. `id` is the
/// conversation's, for the error.
Result<Items> items_of(redis::View flat, std::string_view id);

std::string text_of(const Metadata& metadata);  ///< a JSON object
std::string new_conversation_id();

}  // namespace inkwell::conversations

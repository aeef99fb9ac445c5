#include "conversations/answers.hpp"

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/sha.h>

#include "base/random.hpp"
#include "conversations/packing.hpp"

namespace inkwell::conversations {
namespace {

using redis::View;

constexpr std::size_t kConversationHex = 48;
constexpr std::size_t kNoted = 7;  // the parts of a reply with a note

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

bool is_conversation_id(std::string_view id) noexcept {
  if (!id.starts_with("conv_")) return false;
  id.remove_prefix(5);
  return id.size() == kConversationHex && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string new_conversation_id() { return "conv_" + random_hex(kConversationHex / 2); }

Error no_conversation(std::string_view id) {
  return {ErrorKind::not_found, "conversation_not_found", fmt::format("Conversation with id '{}' not found.", id)};
}

Error no_item(std::string_view item_id, std::string_view id) {
  return {ErrorKind::not_found, "item_not_found",
          fmt::format("Item with id '{}' not found in conversation '{}'.", item_id, id)};
}

Error missing(std::string_view item_id, std::string_view id) { return no_item(item_id, id).with_param("items"); }

Error duplicate(std::string_view item_id) {
  return Error(ErrorKind::conflict, "item_exists",
               fmt::format("The conversation has an item with id '{}' already.", item_id),
               "Leave the id out, or give each item one of its own.")
      .with_param("items");
}

Error key_reused() {
  return {ErrorKind::conflict, "idempotency_key_reused",
          "This idempotency key came with another request within the last day.",
          "Use a new key for each request, and the same one only to repeat it unchanged."};
}

Error stale(std::string_view id) {
  return {ErrorKind::precondition_failed, "version_mismatch",
          fmt::format("Conversation '{}' has another version than the one expected.", id),
          "Read it again and decide anew."};
}

Error damaged(std::string_view id) {
  return {ErrorKind::data_corrupt, "conversation_damaged",
          fmt::format("What Redis holds of conversation '{}' is not what Inkwell wrote.", id),
          "Check what else writes to this Redis; `inkwell ttl audit` lists foreign keys."};
}

std::string text_of(const Metadata& metadata) {
  boost::json::object object;
  for (const auto& [key, value] : metadata) object[key] = value;
  return boost::json::serialize(object);
}

View answer_of(const redis::Reply& reply) { return reply.view()[0]; }

std::chrono::milliseconds slide_due_in(const redis::Reply& reply) {
  return std::chrono::milliseconds(reply.view()[1].integer().value_or(0));
}

std::optional<Note> note_of(const redis::Reply& reply) {
  const View view = reply.view();
  if (view.size() != kNoted) return std::nullopt;
  Note note;
  note.owner = view[2].text();
  note.noted = view[3].integer().value_or(0);
  note.expires_at = view[4].integer().value_or(0);
  note.bytes = view[5].integer().value_or(0);
  note.version = view[6].integer().value_or(0);
  return note;
}

std::optional<Conversation> conversation_of(View fields, View expires_at, std::string id) {
  const auto expires = expires_at.integer();
  if (fields.size() != 4 || fields[0].is_null() || !expires || *expires < 0) return std::nullopt;
  Conversation conversation;
  conversation.id = std::move(id);
  conversation.created_at = static_cast<std::int64_t>(number_in(fields[0].text()));
  conversation.version = static_cast<std::int64_t>(number_in(fields[1].text()));
  conversation.metadata = fields[2].text();
  conversation.lifetime = std::chrono::milliseconds(number_in(fields[3].text()));
  conversation.expires_at = *expires / 1000;
  return conversation;
}

Result<Conversation> conversation_of(View view, std::string id) {
  if (view.size() != 5) return std::unexpected(damaged(id));
  const auto created = view[0].integer();
  const auto version = view[1].integer();
  const auto lifetime = view[3].integer();
  const auto expires = view[4].integer();
  if (!created || !version || !lifetime || !expires) return std::unexpected(damaged(id));
  Conversation conversation;
  conversation.id = std::move(id);
  conversation.created_at = *created;
  conversation.version = *version;
  conversation.metadata = view[2].text();
  conversation.lifetime = std::chrono::milliseconds(*lifetime);
  conversation.expires_at = *expires / 1000;
  return conversation;
}

std::string item_id_of(std::string_view stored, std::string_view seed, std::uint64_t number) {
  if (!stored.ends_with('*')) return std::string(stored);
  const auto text = fmt::format("{}:{}", seed, number);
  std::array<unsigned char, 20> digest{};
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  stored.remove_suffix(1);
  return fmt::format("{}{:02x}{:016x}", stored, fmt::join(digest.begin(), digest.begin() + 16, ""), number);
}

Item item_of(std::string id, std::string_view rest) {
  std::string json;
  json.reserve(id.size() + rest.size() + 8);
  json += R"({"id":")";
  json += id;
  json += '"';
  json += rest;
  return {std::move(id), std::move(json)};
}

Result<Items> items_of(View flat, std::string_view id) {
  Items found;
  auto part = flat.begin();
  const auto next = [&]() -> std::optional<std::string_view> {
    if (part == flat.end()) return std::nullopt;
    const auto text = (*part).text();
    ++part;
    return text;
  };
  const auto seed = next();
  if (!seed || part == flat.end()) return std::unexpected(damaged(id));
  found.version = (*part).integer().value_or(0);
  ++part;
  found.items.reserve(flat.size() / 3);
  while (const auto number = next()) {
    const auto stored_id = next();
    const auto stored = next();
    auto json = stored ? unpacked(*stored) : std::nullopt;
    if (!json) return std::unexpected(damaged(id));
    found.items.push_back(item_of(item_id_of(*stored_id, *seed, number_in(*number)), *json));
  }
  return found;
}

}  // namespace inkwell::conversations

#include "conversations/item.hpp"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "conversations/raw_json.hpp"

namespace inkwell::conversations {
namespace {

namespace json = boost::json;

struct Prefix {
  std::string_view type;
  std::string_view prefix;
};

// The API's own prefixes where it documents them; an unknown type gets "item_".
constexpr std::array<Prefix, 28> kPrefixes{{
    {"message", "msg_"},
    {"reasoning", "rs_"},
    {"function_call", "fc_"},
    {"function_call_output", "fco_"},
    {"custom_tool_call", "ctc_"},
    {"custom_tool_call_output", "ctco_"},
    {"file_search_call", "fs_"},
    {"web_search_call", "ws_"},
    {"computer_call", "cu_"},
    {"computer_call_output", "cuo_"},
    {"image_generation_call", "ig_"},
    {"code_interpreter_call", "ci_"},
    {"local_shell_call", "lsh_"},
    {"local_shell_call_output", "lsho_"},
    {"shell_call", "sh_"},
    {"shell_call_output", "sho_"},
    {"mcp_list_tools", "mcpl_"},
    {"mcp_approval_request", "mcpr_"},
    {"mcp_approval_response", "mcpa_"},
    {"mcp_call", "mcp_"},
    {"tool_search_call", "tsc_"},
    {"tool_search_output", "tso_"},
    {"additional_tools", "at_"},
    {"compaction", "cmp_"},
    {"apply_patch_call", "apc_"},
    {"apply_patch_call_output", "apco_"},
    {"program", "prg_"},
    {"program_output", "prgo_"},
}};

constexpr std::array<std::string_view, 8> kRoles{"user", "assistant", "system",        "developer",
                                                 "tool", "critic",    "discriminator", "unknown"};

std::string_view prefix_of(std::string_view type) {
  const auto* const row = std::ranges::find(kPrefixes, type, &Prefix::type);
  return row == kPrefixes.end() ? "item_" : row->prefix;
}

std::unexpected<Error> refuse(std::string message, std::string param) {
  return std::unexpected(
      Error(ErrorKind::invalid_argument, "invalid_value", std::move(message)).with_param(std::move(param)));
}

std::string_view string_or_empty(const json::object& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

bool sane_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxClientIdBytes && std::ranges::all_of(id, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
}

// A string as a message's content is short for one part of text: of the kind the role speaks in.
std::string content_parts(std::string_view raw_string, std::string_view role) {
  if (role == "assistant") return fmt::format(R"([{{"type":"output_text","text":{},"annotations":[]}}])", raw_string);
  return fmt::format(R"([{{"type":"input_text","text":{}}}])", raw_string);
}

Result<void> check_message(const json::object& parsed, std::string_view param) {
  const auto* const role = parsed.if_contains("role");
  if (role == nullptr) return refuse("A message needs a role.", fmt::format("{}.role", param));
  if (std::ranges::find(kRoles, string_or_empty(parsed, "role")) == kRoles.end()) {
    return refuse("Invalid value: role must be one of 'user', 'assistant', 'system' and 'developer'.",
                  fmt::format("{}.role", param));
  }
  const auto* const content = parsed.if_contains("content");
  if (content == nullptr || !(content->is_string() || content->is_array())) {
    return refuse("A message's content must be a string or an array of content parts.",
                  fmt::format("{}.content", param));
  }
  return {};
}

/// What the item says it is; without a type, a role makes it a message, and an id alone a reference.
Result<std::string> type_of(const json::object& parsed, std::string_view param) {
  const auto* const type = parsed.if_contains("type");
  if (type != nullptr && !type->is_null()) {
    if (type->is_string() && !type->get_string().empty()) return std::string(type->get_string());
    return refuse("An item's type must be a string, and not an empty one.", fmt::format("{}.type", param));
  }
  if (parsed.contains("role")) return std::string("message");
  if (parsed.contains("id") && parsed.size() == (type == nullptr ? 1U : 2U)) return std::string("item_reference");
  return refuse("Missing required parameter: an item needs a type, or a role that makes it a message.",
                fmt::format("{}.type", param));
}

std::string key_text(std::string_view quoted) { return std::string(json::parse(quoted).get_string()); }

}  // namespace

Result<NewItem> normalise_item(std::string_view raw, const json::object& parsed, std::string_view param) {
  if (raw.size() > kMaxItemBytes)
    return refuse(fmt::format("An item may have {} bytes at most.", kMaxItemBytes), std::string(param));
  auto type = type_of(parsed, param);
  if (!type) return std::unexpected(std::move(type.error()));
  const bool implied = string_or_empty(parsed, "type").empty();
  const bool message = *type == "message";
  if (message) {
    auto good = check_message(parsed, param);
    if (!good) return std::unexpected(std::move(good.error()));
  }
  NewItem item;
  item.prefix = prefix_of(*type);
  if (const auto* const id = parsed.if_contains("id"); id != nullptr && !id->is_null()) {
    item.client_id = string_or_empty(parsed, "id");
    if (!sane_id(item.client_id)) {
      return refuse(fmt::format("An item's id takes 1 to {} letters, digits, '_', '-' and '.'.", kMaxClientIdBytes),
                    fmt::format("{}.id", param));
    }
  }
  if (*type == "item_reference") {
    if (item.client_id.empty())
      return refuse("An item_reference needs the id of an item.", fmt::format("{}.id", param));
    item.again = true;
    return item;
  }
  if (implied) item.json += R"(,"type":"message")";
  if (message && !parsed.contains("status")) item.json += R"(,"status":"completed")";
  RawJson members(raw);
  while (const auto member = members.next()) {
    const auto key = key_text(member->key);
    if (key == "id" || (implied && key == "type")) continue;
    item.json += ',';
    item.json += member->key;
    item.json += ':';
    if (message && key == "content" && member->value.starts_with('"')) {
      item.json += content_parts(member->value, string_or_empty(parsed, "role"));
    } else {
      item.json += member->value;
    }
  }
  item.json += '}';
  return item;
}

std::vector<std::string_view> raw_elements(std::string_view object, std::string_view name) {
  std::string_view array;
  RawJson members(object);
  while (const auto member = members.next()) {
    if (key_text(member->key) == name) array = member->value;
  }
  std::vector<std::string_view> elements;
  if (!array.starts_with('[')) return elements;
  RawJson values(array);
  while (const auto element = values.next()) elements.push_back(element->value);
  return elements;
}

}  // namespace inkwell::conversations

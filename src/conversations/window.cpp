#include "conversations/window.hpp"

#include <map>
#include <string>
#include <vector>

#include "conversations/raw_json.hpp"

namespace inkwell::conversations {
namespace {

/// What of an item decides whether a window may begin before or behind it. Texts with their quotes.
struct Outline {
  std::string_view type;
  std::string_view call_id;
  bool answers = false;  ///< it is the output of the call with that id
};

Outline outline_of(std::string_view json) {
  Outline outline;
  std::string_view id;
  std::string_view request_id;
  RawJson members(json);
  while (const auto member = members.next()) {
    if (member->key == R"("type")") outline.type = member->value;
    if (member->key == R"("call_id")") outline.call_id = member->value;
    if (member->key == R"("id")") id = member->value;
    if (member->key == R"("approval_request_id")") request_id = member->value;
  }
  if (outline.call_id == "null") outline.call_id = {};
  outline.answers = outline.type.ends_with(R"(_output")");
  if (outline.type == R"("mcp_approval_request")") outline.call_id = id;
  if (outline.type == R"("mcp_approval_response")") {
    outline.call_id = request_id;
    outline.answers = true;
  }
  return outline;
}

/// For each place, whether a window that begins there splits something.
std::vector<bool> splits(std::span<const std::string_view> items, bool more) {
  std::vector<int> spans(items.size() + 1, 0);  // how many pairs begin to span, or end, at a place: summed up below
  std::map<std::string_view, std::size_t> calls;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Outline outline = outline_of(items[i]);
    if (outline.type == R"("reasoning")") {
      ++spans[i + 1];
      if (i + 2 < spans.size()) --spans[i + 2];
    }
    if (outline.call_id.empty()) continue;
    if (!outline.answers) {
      calls.insert_or_assign(outline.call_id, i);
      continue;
    }
    const auto call = calls.find(outline.call_id);
    if (call == calls.end() && !more) continue;  // its call is nowhere: nothing to split
    ++spans[call == calls.end() ? 0 : call->second + 1];
    --spans[i + 1];
  }
  std::vector<bool> split(items.size());
  int open = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    open += spans[i];
    split[i] = open > 0;
  }
  return split;
}

}  // namespace

std::size_t estimated_tokens(std::string_view json) noexcept {
  std::size_t ascii = 0;
  std::size_t others = 0;
  for (const char character : json) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x80) {
      ++ascii;
    } else if ((byte & 0xC0U) == 0xC0U) {
      ++others;
    }
  }
  return (ascii + 3) / 4 + others;
}

std::size_t window_begin(std::span<const std::string_view> items, bool more, const WindowLimits& limits) {
  std::size_t begin = items.size();
  std::size_t tokens = 0;
  while (begin > 0 && items.size() - begin < limits.items) {
    tokens += estimated_tokens(items[begin - 1]);
    if (limits.tokens != 0 && tokens > limits.tokens) break;
    --begin;
  }
  const auto split = splits(items, more);
  while (begin < items.size() && split[begin]) ++begin;
  return begin;
}

}  // namespace inkwell::conversations

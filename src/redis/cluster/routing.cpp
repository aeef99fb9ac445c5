#include "redis/cluster/routing.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "redis/cluster/key_slot.hpp"

namespace inkwell::redis::cluster {
namespace {

constexpr std::array<std::string_view, 38> kWithoutKeys = {
    "ACL",     "ASKING",   "AUTH",    "BGREWRITEAOF", "BGSAVE",    "CLIENT",   "CLUSTER",   "COMMAND",
    "CONFIG",  "DBSIZE",   "DEBUG",   "DISCARD",      "ECHO",      "EXEC",     "FAILOVER",  "FLUSHALL",
    "FLUSHDB", "FUNCTION", "HELLO",   "INFO",         "KEYS",      "LASTSAVE", "LATENCY",   "MODULE",
    "MULTI",   "PING",     "PUBLISH", "PUBSUB",       "RANDOMKEY", "READONLY", "READWRITE", "ROLE",
    "SCAN",    "SCRIPT",   "SLOWLOG", "TIME",         "WAIT",      "WAITAOF"};
constexpr std::array<std::string_view, 5> kSplittable = {"DEL", "EXISTS", "MGET", "TOUCH", "UNLINK"};

/// Commands whose first key stands at `key`, given that the number of keys at `count` (where it is not 0) isn't 0.
struct Row {
  std::string_view name;
  std::size_t key;
  std::size_t count = 0;
};
constexpr std::array<Row, 26> kElsewhere{{
    {"BITOP", 2},      {"BLMPOP", 3, 2},     {"BZMPOP", 3, 2},     {"EVAL", 3, 2},       {"EVAL_RO", 3, 2},
    {"EVALSHA", 3, 2}, {"EVALSHA_RO", 3, 2}, {"FCALL", 3, 2},      {"FCALL_RO", 3, 2},   {"LMPOP", 2, 1},
    {"MEMORY", 2},     {"OBJECT", 2},        {"SINTERCARD", 2, 1}, {"XGROUP", 2},        {"XINFO", 2},
    {"ZDIFF", 2, 1},   {"ZDIFFSTORE", 1},    {"ZINTER", 2, 1},     {"ZINTERCARD", 2, 1}, {"ZINTERSTORE", 1},
    {"ZMPOP", 2, 1},   {"ZUNION", 2, 1},     {"ZUNIONSTORE", 1},   {"SPUBLISH", 1},      {"SORT", 1},
    {"SORT_RO", 1},
}};

std::string upper(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

std::size_t first_key(const std::string& name, const std::vector<std::string_view>& arguments) {
  if (std::ranges::find(kWithoutKeys, name) != kWithoutKeys.end()) return 0;
  if (name == "XREAD" || name == "XREADGROUP") {
    const auto streams = std::ranges::find_if(arguments, [](auto word) { return upper(word) == "STREAMS"; });
    return static_cast<std::size_t>(streams - arguments.begin()) + 1;
  }
  const auto row = std::ranges::find(kElsewhere, name, &Row::name);
  if (row == kElsewhere.end()) return 1;
  if (row->count != 0 && (row->count >= arguments.size() || arguments[row->count] == "0")) return 0;
  return row->key;
}

}  // namespace

std::vector<std::string_view> arguments_of(std::string_view wire) {
  const auto number = [&wire] {
    std::size_t value = 0;
    const auto end = std::from_chars(wire.data() + 1, wire.data() + wire.size(), value);
    wire.remove_prefix(static_cast<std::size_t>(end.ptr - wire.data()) + 2);
    return value;
  };
  std::vector<std::string_view> arguments(number());
  for (auto& argument : arguments) {
    const std::size_t length = number();
    argument = wire.substr(0, length);
    wire.remove_prefix(length + 2);
  }
  return arguments;
}

Routing routing_of(const std::vector<std::string_view>& arguments) {
  Routing routing;
  const std::string name = upper(arguments.front());
  const std::size_t key = first_key(name, arguments);
  routing.follows = name == "WAIT" || name == "WAITAOF";
  if (key == 0 || key >= arguments.size()) return routing;
  routing.slot = key_slot(arguments[key]);
  if (arguments.size() > 2 && std::ranges::find(kSplittable, name) != kSplittable.end()) {
    routing.splits = std::ranges::any_of(arguments.begin() + 2, arguments.end(),
                                         [&](auto other) { return key_slot(other) != *routing.slot; });
  }
  return routing;
}

}  // namespace inkwell::redis::cluster

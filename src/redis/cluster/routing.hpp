// Where a command goes: which of its arguments are keys, and so which slot it is for. Knows the commands whose keys are
// not their first argument; every other command with an argument is taken to have its key there. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inkwell::redis::cluster {

/// Arguments of the first command of `wire` (bytes that Request made), its name included.
std::vector<std::string_view> arguments_of(std::string_view wire);

struct Routing {
  /// Of its first key; nothing for a command without keys, which any node can answer.
  std::optional<std::uint16_t> slot;
  /// The keys are spread over several slots, and the command's answer can be put together from those of its parts
  /// (MGET, EXISTS, TOUCH, DEL, UNLINK).
  bool splits = false;
  /// WAIT, WAITAOF: to where the command before it went, because it is about what its connection has written.
  bool follows = false;
};

Routing routing_of(const std::vector<std::string_view>& arguments);

}  // namespace inkwell::redis::cluster

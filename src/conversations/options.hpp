// What conversations are made with. Plain values.
#pragma once

#include <chrono>

#include "keyspace/family.hpp"

namespace inkwell::conversations {

struct Options {
  /// How long a conversation that asks for nothing else lives after its last use; kept in it when it is made.
  std::chrono::milliseconds lifetime = keyspace::rule(keyspace::Family::conversation).lifetime;
  /// The longest lifetime a conversation may ask for.
  std::chrono::milliseconds max_lifetime = std::chrono::hours(24 * 365);
};

}  // namespace inkwell::conversations

// What conversations are made with. Plain values.
#pragma once

#include <chrono>

#include "keyspace/family.hpp"

namespace inkwell::conversations {

struct Options {
  /// How long a conversation lives after its last use; kept in each conversation when it is made.
  std::chrono::milliseconds lifetime = keyspace::rule(keyspace::Family::conversation).lifetime;
};

}  // namespace inkwell::conversations

#include "redis/link/borrowed_state.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "redis/link/encoded.hpp"

namespace inkwell::redis::link {
namespace {

// Sorted: looked up by binary search.
constexpr std::array<std::string_view, 15> kAlter = {"ASKING",     "AUTH",   "CLIENT",     "HELLO",     "MONITOR",
                                                     "PSUBSCRIBE", "PSYNC",  "QUIT",       "READONLY",  "REPLCONF",
                                                     "RESET",      "SELECT", "SSUBSCRIBE", "SUBSCRIBE", "SYNC"};
static_assert(std::ranges::is_sorted(kAlter));

}  // namespace

void BorrowedState::sent(std::string_view wire) {
  while (!wire.empty()) {
    command(name_of_command(wire));
    wire.remove_prefix(length_of_command(wire));
  }
}

void BorrowedState::command(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (upper == "MULTI") {
    in_transaction_ = true;
  } else if (upper == "EXEC" || upper == "DISCARD") {
    in_transaction_ = watches_ = false;
  } else if (upper == "WATCH") {
    watches_ = true;
  } else if (upper == "UNWATCH") {
    watches_ = false;
  } else if (std::ranges::binary_search(kAlter, std::string_view(upper))) {
    altered_ = true;
  }
}

}  // namespace inkwell::redis::link

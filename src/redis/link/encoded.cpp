#include "redis/link/encoded.hpp"

#include <algorithm>
#include <charconv>

namespace inkwell::redis::link {
namespace {

/// The number behind the type byte at `at`, which then stands behind the line's end.
std::size_t take_number(std::string_view wire, std::size_t& at) noexcept {
  std::size_t value = 0;
  const auto end = std::from_chars(wire.data() + at + 1, wire.data() + wire.size(), value);
  at = static_cast<std::size_t>(end.ptr - wire.data()) + 2;
  return value;
}

}  // namespace

std::size_t length_of_command(std::string_view wire) noexcept {
  std::size_t at = 0;
  for (std::size_t arguments = take_number(wire, at); arguments > 0; --arguments) {
    const std::size_t length = take_number(wire, at);
    at += length + 2;
  }
  return at;
}

std::string_view name_of_command(std::string_view wire) noexcept {
  std::size_t at = 0;
  take_number(wire, at);
  const std::size_t length = take_number(wire, at);
  return wire.substr(at, length);
}

bool has_wait(std::string_view wire) noexcept {
  const auto is = [](std::string_view name, std::string_view upper) {
    return std::ranges::equal(name, upper, [](char a, char b) { return (a & ~0x20) == b; });
  };
  for (; !wire.empty(); wire.remove_prefix(length_of_command(wire))) {
    const auto name = name_of_command(wire);
    if (is(name, "WAIT") || is(name, "WAITAOF")) return true;
  }
  return false;
}

Request opted_in(const Request& request) {
  Request opted;
  opted.reserve(request.wire().size() + request.size() * 64);
  for (std::string_view rest = request.wire(); !rest.empty();) {
    const std::size_t length = length_of_command(rest);
    opted.add("CLIENT", "CACHING", "YES").add_encoded(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return opted;
}

}  // namespace inkwell::redis::link

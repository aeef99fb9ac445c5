// Request targets and queries from outside: whatever the bytes, what is accepted is clean.
#include <cstdint>
#include <cstdlib>

#include "server/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto target = inkwell::server::parse_target(text);
  if (target) {
    if (!target->raw_path.starts_with('/') || !inkwell::server::valid_utf8(target->path)) std::abort();
    for (const char c : target->path) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
    }
  }
  const auto query = inkwell::server::parse_query(text);
  if (query) {
    for (const auto& [name, value] : *query) {
      if (!inkwell::server::valid_utf8(name) || !inkwell::server::valid_utf8(value)) std::abort();
    }
  }
  return 0;
}

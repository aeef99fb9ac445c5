// Stored items are bytes from outside, too: whatever stands in Redis is unpacked or refused, and what was packed comes
// back.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "conversations/item.hpp"
#include "conversations/packing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace inkwell::conversations;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto json = unpacked(bytes);
  if (json && json->size() > 2 * kMaxItemBytes && json->size() > size) std::abort();
  if (!bytes.starts_with('Z') && unpacked(packed(bytes, 1)) != bytes) std::abort();
  return 0;
}

// The decoder of live messages takes any bytes, stays inside them, and makes nothing of those that are not well-formed.
#include <cstdint>
#include <cstdlib>

#include "events/wire/live.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto events = inkwell::events::wire::decode_live(bytes);
  if (!events) return 0;
  if (events->empty() || events->size() > inkwell::events::kMaxBatchEvents) std::abort();
  std::size_t borrowed = 0;
  for (const auto& event : *events) {
    borrowed += event.data.size() + event.type.size();
    const auto made = inkwell::events::make_broadcast(event);
    if (!made->wire.ends_with("\n\n")) std::abort();
  }
  if (borrowed > size) std::abort();
  return 0;
}

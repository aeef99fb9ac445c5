// The SSE parser takes any bytes, gives the same events whatever the split, and what it gives can be encoded and
// parsed again to the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "events/wire/sse.hpp"

namespace {

struct Seen {
  std::string type;
  std::string data;
  std::string id;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> parse(std::string_view bytes, std::size_t piece) {
  std::vector<Seen> seen;
  inkwell::events::wire::SseParser parser(4096);
  parser.on_event = [&](const inkwell::events::wire::SseEvent& e) {
    seen.push_back({std::string(e.type), std::string(e.data), std::string(e.last_event_id)});
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (!parser.feed(bytes.substr(at, piece))) break;
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = parse(bytes, size + 1);
  if (parse(bytes, 1) != whole) std::abort();
  for (const auto& event : whole) {
    std::string wire;
    inkwell::events::wire::append_event(wire, {.type = event.type, .retry_ms = {}, .id = event.id, .data = event.data});
    if (wire.size() > 4000) continue;
    const auto again = parse(wire, 7);
    if (again.size() != 1 || !(again.front() == event)) std::abort();
  }
  return 0;
}

// What a producer sends as a generation's body: any bytes give the same events and the same fault however they are cut
// into pieces, and whatever is handed out can be published.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "events/generations/ingest.hpp"

namespace {

using inkwell::events::Event;
using inkwell::events::Ingest;

struct Outcome {
  std::vector<std::string> events;
  std::string fault;
  bool operator==(const Outcome&) const = default;
};

void drain(Ingest& ingest, Outcome& outcome) {
  while (!ingest.empty()) {
    for (const Event& event : ingest.take(3, 64)) {
      if (!inkwell::events::validate(event)) std::abort();
      outcome.events.push_back(event.type + "\n" + event.data);
    }
  }
}

Outcome ingested(std::string_view bytes, std::size_t piece) {
  Outcome outcome;
  Ingest ingest(4096);
  for (std::size_t at = 0; at < bytes.size() && ingest.feed(bytes.substr(at, piece)); at += piece) {
    drain(ingest, outcome);
  }
  if (!ingest.fault()) ingest.finish();
  drain(ingest, outcome);
  if (ingest.fault()) outcome.fault = ingest.fault()->code();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = ingested(bytes, size + 1);
  if (ingested(bytes, 1) != whole) std::abort();
  if (ingested(bytes, 7) != whole) std::abort();
  return 0;
}

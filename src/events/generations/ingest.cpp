#include "events/generations/ingest.hpp"

#include <string>

namespace inkwell::events {

Ingest::Ingest(std::size_t max_event_bytes) : parser_(max_event_bytes) {
  parser_.on_event = [this](const wire::SseEvent& event) { keep(event); };
}

void Ingest::keep(const wire::SseEvent& event) {
  if (fault_) return;
  Event kept;
  kept.data = event.data;
  kept.type = event.type;
  if (auto valid = validate(kept); !valid) {
    fault_ = valid.error();
  } else {
    pending_.push_back(std::move(kept));
  }
}

bool Ingest::feed(std::string_view bytes) {
  if (!fault_ && !parser_.feed(bytes)) {
    fault_ = Error(ErrorKind::too_large, "event_too_large", "An event of the body is larger than an event may be.",
                   "Split it.");
  }
  return !fault_;
}

bool Ingest::finish() { return feed("\n\n"); }

std::vector<Event> Ingest::take(std::size_t count, std::size_t bytes) {
  std::vector<Event> events;
  std::size_t sum = 0;
  while (!empty() && events.size() < count && (events.empty() || sum + pending_[taken_].data.size() <= bytes)) {
    sum += pending_[taken_].data.size();
    events.push_back(std::move(pending_[taken_++]));
  }
  if (empty()) {
    pending_.clear();
    taken_ = 0;
  }
  return events;
}

}  // namespace inkwell::events

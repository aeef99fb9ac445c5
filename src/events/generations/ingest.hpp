// Ingest: turns the body of a language model's answer (server-sent events, in pieces of any size) into events to
// append. What it hands out is valid: a body that holds something which can't be published is at fault from there on.
// The producer's ids and reconnection times are dropped: the log gives ids of its own. Pure; no I/O; one thread.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "events/event.hpp"
#include "events/wire/sse.hpp"

namespace inkwell::events {

class Ingest {
 public:
  /// `max_event_bytes` bounds one event.
  explicit Ingest(std::size_t max_event_bytes = kMaxEventBytes);
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  /// False once the body is at fault; what came before still stands to be taken.
  bool feed(std::string_view bytes);
  /// The body ended as it should: a last event without the empty line after it counts, too.
  bool finish();

  bool empty() const noexcept { return taken_ == pending_.size(); }
  /// At most `count` events, in order, and at most `bytes` of data; one event at least, where there is one.
  std::vector<Event> take(std::size_t count, std::size_t bytes);
  const std::optional<Error>& fault() const noexcept { return fault_; }

 private:
  void keep(const wire::SseEvent& event);

  wire::SseParser parser_;
  std::vector<Event> pending_;
  std::size_t taken_ = 0;  ///< of pending_, handed out already
  std::optional<Error> fault_;
};

}  // namespace inkwell::events

// The event stream format (https://html.spec.whatwg.org/multipage/server-sent-events.html): what the hub sends, and an
// incremental parser for what others send. Pure; no I/O; one thread a parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace inkwell::events::wire {

/// A comment line and the end of its block: shows that the connection lives, and dispatches nothing at the client.
inline constexpr std::string_view kHeartbeat = ":\n\n";

/// Fields in the order they are written. `id` and `type` hold no CR, LF or NUL (the caller has refused those).
struct SseFields {
  std::string_view type;
  std::optional<std::uint32_t> retry_ms;
  std::string_view id;
  std::string_view data;
};

/// Appends one event: event, retry, id, and a data line for each line of the data (CR, LF and CRLF all end a line).
void append_event(std::string& out, const SseFields& fields);
/// Appends a block that only sets the reconnection time.
void append_retry(std::string& out, std::uint32_t retry_ms);

/// One dispatched event, valid during the callback only.
struct SseEvent {
  std::string_view type;           ///< empty: "message"
  std::string_view data;           ///< lines joined by LF
  std::string_view last_event_id;  ///< as it stands at this event; it carries over from earlier ones
};

/// Takes a stream in pieces of any size and dispatches its events as the specification's "event stream
/// interpretation" says: a byte order mark is dropped, CR, LF and CRLF end lines, unknown fields are ignored, an
/// incomplete last block is never dispatched.
class SseParser {
 public:
  /// `max_event_bytes` bounds one block's data and one line; beyond it feed() returns false and the parser stays so.
  explicit SseParser(std::size_t max_event_bytes = 1U << 20) : max_bytes_(max_event_bytes) {}

  std::function<void(const SseEvent&)> on_event;
  std::function<void(std::uint32_t)> on_retry;

  /// False when a bound was broken: the stream cannot be trusted from there on.
  bool feed(std::string_view bytes);

  std::string_view last_event_id() const noexcept { return last_event_id_; }

 private:
  void line(std::string_view text);
  void field(std::string_view name, std::string_view value);
  void dispatch();
  bool keep(std::string_view piece);

  std::size_t max_bytes_;
  std::string line_;
  std::string data_;
  std::string type_;
  std::string id_;
  std::string last_event_id_;
  bool has_data_ = false;
  bool at_start_ = true;
  bool after_cr_ = false;
  bool failed_ = false;
};

}  // namespace inkwell::events::wire

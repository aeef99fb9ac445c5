// EventStream: one SSE connection. It takes over the socket once its request was read and is driven by callbacks, not
// by a coroutine: what it sends stands in the ring its worker shares, and goes out by one gather write a turn of the
// loop. A socket that is full is waited for; one that stays full is cut off. Idle it costs a few hundred bytes.
// EventStreams owns those of one worker. Both live on that worker's thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "events/node.hpp"
#include "events/reader.hpp"
#include "server/http.hpp"
#include "server/sse/options.hpp"
#include "server/sse/timer_wheel.hpp"

namespace inkwell::server {

/// What the head of a stream's answer says beside the usual.
struct EventStreamHead {
  std::string request_id{};
  std::string lines{};  ///< whole header lines, each ending in CRLF
  /// The field that names the event before the first that is sent, or says `earliest` where there is none; empty where
  /// the client has asked for nothing of the kind.
  std::string_view cursor_field{};
};

/// What a stream is opened with.
struct EventStreamRequest {
  std::string channel;
  events::Start start;
  std::unique_ptr<const events::Selector> selector;  ///< null: all events
  EventStreamHead head{};
  /// Credentials end then, and the stream with them.
  std::optional<std::chrono::system_clock::time_point> expires_at{};
  std::shared_ptr<void> ticket{};  ///< of StreamLimits, kept until the stream is closed
  /// The stream follows a generation: the event that ends it, or the first from `until` on where that is known, is its
  /// last.
  bool ends = false;
  events::EventId until{};
};

class EventStreams;

class EventStream final : public events::Reader, private TimerWheel::Hook {
 public:
  EventStream(EventStreams& streams, StreamSocket socket);
  ~EventStream() override = default;

 private:
  friend class EventStreams;

  void begin(EventStreamRequest request);
  void on_joined(std::optional<events::GapReason> gap) override;
  void on_ready() override;
  void on_tick();
  bool aged() const noexcept;
  void end_by(std::chrono::milliseconds wait);
  void schedule(std::uint32_t ticks);

  /// What became of the cursor a client named.
  struct Joined {
    bool known = false;  ///< with nothing lost, or with `gap`
    std::optional<events::GapReason> gap{};
  };
  void send_head(Joined joined);
  void send_text(std::string text);
  bool is_last(const events::BroadcastEvent& event) const noexcept;
  void send_events();
  bool send_rest();
  /// Bytes the socket took; nothing when it is full or gone (then the stream is stalled or closed).
  std::optional<std::size_t> write(const struct ::iovec* pieces, std::size_t count);
  void stall();
  void watch_for_close();
  void client_sent_something();
  void drain();
  void part(std::chrono::milliseconds retry);
  void end();
  void close();
  void retire_when_quiet();

  EventStreams& streams_;
  asio::ip::tcp::socket socket_;
  std::shared_ptr<void> released_;
  std::shared_ptr<void> ticket_;
  struct Opening {
    EventStreamHead head;
    events::Start start;
  };
  std::unique_ptr<Opening> opening_;         ///< until the head has been sent
  std::shared_ptr<const std::string> rest_;  ///< what a full socket left of a piece
  std::size_t rest_at_ = 0;
  std::uint32_t place_ = 0;  ///< in EventStreams
  std::uint32_t last_write_ = 0;
  std::uint32_t ends_at_ = 0;  ///< the tick at which it has lived its lifetime
  std::uint32_t stalled_since_ = 0;
  std::uint16_t junk_ = 0;    ///< bytes the client sent though it had nothing to say
  std::uint8_t pending_ = 0;  ///< operations of the socket under way
  events::EventId until_{};   ///< see EventStreamRequest
  bool ends_ = false;
  bool over_ = false;  ///< the last event has been handed to the socket, or is in rest_
  bool head_sent_ = false;
  bool stalled_ = false;
  bool closed_ = false;
  bool retired_ = false;
};

class EventStreams {
 public:
  /// `node` must outlive it.
  EventStreams(asio::any_io_executor executor, events::Node& node, EventStreamOptions options);
  EventStreams(const EventStreams&) = delete;
  EventStreams& operator=(const EventStreams&) = delete;
  /// Closes whatever is still open.
  ~EventStreams();

  /// The stream answers the request from the status line on, and owns the socket.
  void open(StreamSocket socket, EventStreamRequest request);
  /// Ends every stream, each with its own reconnection time.
  void drain();
  /// Closes what is still open and stops the clock: nothing of it runs on the loop afterwards.
  void close();

  EventStreamStats stats() const;
  const EventStreamOptions& options() const noexcept { return options_; }

 private:
  friend class EventStream;

  std::uint32_t ticks(std::chrono::milliseconds wait) const noexcept;
  void arm();
  void retire(EventStream& stream);
  void bury();
  const std::string& date();

  asio::any_io_executor executor_;
  events::Node& node_;
  EventStreamOptions options_;
  std::chrono::milliseconds tick_;
  TimerWheel wheel_;
  asio::steady_timer timer_;
  std::vector<std::unique_ptr<EventStream>> streams_;
  std::vector<std::unique_ptr<EventStream>> retired_;
  bool stopped_ = false;
  std::mt19937_64 random_;
  std::string date_;
  std::chrono::system_clock::time_point date_until_{};
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  ///< handlers look whether this is still there
  EventStreamStats stats_;
};

}  // namespace inkwell::server

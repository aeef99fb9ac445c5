#include "server/sse/event_stream.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/random.hpp"
#include "events/wire/sse.hpp"

namespace inkwell::server {
namespace {

using events::EventRef;

constexpr std::size_t kWheelSlots = 256;
constexpr std::size_t kPiecesAWrite = 64;
constexpr std::size_t kMaxJunkBytes = 16U << 10;
constexpr std::chrono::hours kLongestWait{24 * 100};  // what the wheel's clock can count, with room

::iovec piece(std::string_view text) {
  // writev's interface takes no const; it doesn't write there.
  return {.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
}

}  // namespace

static_assert(sizeof(EventStream) <= 512, "an idle connection must stay cheap");

EventStream::EventStream(EventStreams& streams, StreamSocket socket)
    : streams_(streams), socket_(std::move(socket.socket)), released_(std::move(socket.released)) {}

void EventStream::begin(EventStreamRequest request) {
  boost::system::error_code ignored;
  opening_ = std::make_unique<Opening>(std::move(request.head), request.start);
  const auto& options = streams_.options_;
  if (options.send_buffer_bytes > 0) {
    socket_.set_option(asio::socket_base::send_buffer_size(options.send_buffer_bytes), ignored);
  }
  // A peer that vanished acknowledges nothing; heartbeats then fill no buffer, but this ends the connection.
  const auto unacknowledged = static_cast<unsigned>((options.write_stall + options.heartbeat).count());
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged, sizeof unacknowledged);
  watch_for_close();
  ends_ = request.ends;
  until_ = request.until;
  ticket_ = std::move(request.ticket);
  if (options.max_lifetime > std::chrono::milliseconds::zero()) {
    std::uniform_int_distribution<std::int64_t> early(0, options.max_lifetime.count() / 10);
    const auto lifetime = options.max_lifetime - std::chrono::milliseconds(early(streams_.random_));
    end_by(lifetime);
  }
  if (request.expires_at) {
    // Never at once: a client whose token is about to expire would come back at once as well, again and again.
    constexpr std::chrono::milliseconds kLeast{1'000};
    const auto left =
        std::chrono::floor<std::chrono::milliseconds>(*request.expires_at - std::chrono::system_clock::now());
    if (left < kLongestWait) end_by(std::max(left, kLeast + 2 * streams_.tick_));  // end_by() is early by up to two
  }
  const auto followed = streams_.node_.follow(*this, request.channel, request.start, std::move(request.selector));
  if (!followed) {
    // An error status would make a browser give up for good.
    send_head({});
    return drain();
  }
  if (closed_) return;
  // The head waits for the start to be fixed: who publishes once it has arrived is sure to be heard on this stream, and
  // what became of a cursor is told in it.
  const auto wait = head_sent_ ? options.heartbeat : options.join_wait;
  schedule(streams_.ticks(wait));
}

void EventStream::on_joined(std::optional<events::GapReason> gap) {
  if (!head_sent_) send_head({.known = true, .gap = gap});
}

void EventStream::on_ready() {
  if (head_sent_ && !stalled_ && !closed_) send_events();
}

void EventStream::on_tick() {
  const auto& options = streams_.options_;
  const std::uint32_t now = streams_.wheel_.now();
  if (aged()) {
    ++streams_.stats_.aged;
    return part(options.retry);  // of a full socket, without a word: its cursor brings the client on
  }
  if (!head_sent_) send_head({});  // the cursor's fate is still open: Redis is slow or away
  if (closed_) return;
  const std::uint32_t patience = streams_.ticks(options.write_stall);
  if (stalled_) {
    const std::uint32_t waited = now - stalled_since_;
    if (waited < patience) return schedule(patience - waited);
    ++streams_.stats_.cut_off;
    boost::system::error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);  // what it didn't take is dropped
    return close();
  }
  const std::uint32_t interval = streams_.ticks(options.heartbeat);
  const std::uint32_t quiet = now - last_write_;
  if (quiet < interval) return schedule(interval - quiet);
  static const auto heartbeat = std::make_shared<const std::string>(events::wire::kHeartbeat);
  rest_ = heartbeat;
  rest_at_ = 0;
  send_rest();
  if (!closed_) schedule(std::min(interval, patience));
}

void EventStream::send_head(Joined joined) {
  head_sent_ = true;
  const auto& options = streams_.options_;
  const EventStreamHead& wanted = opening_->head;
  std::string head = fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
      "Connection: close\r\nx-request-id: {}\r\nDate: {}\r\n{}",
      wanted.request_id, streams_.date(), wanted.lines);
  if (!wanted.cursor_field.empty()) {
    // Only the client's own cursor is named, never an event it hasn't seen. One whose fate isn't known yet counts as
    // lost: should it turn out to be, the client has been told.
    const bool found = joined.known && !joined.gap && opening_->start.kind == events::Start::Kind::after;
    head += fmt::format("{}: {}\r\n", wanted.cursor_field, found ? opening_->start.id.to_string() : "earliest");
  }
  if (joined.gap) head += fmt::format("X-Inkwell-Gap: {}\r\n", events::name_of(*joined.gap));
  head += "\r\n:\n";
  events::wire::append_retry(head, static_cast<std::uint32_t>(options.retry.count()));
  opening_.reset();
  send_text(std::move(head));
}

void EventStream::send_text(std::string text) {
  rest_ = std::make_shared<const std::string>(std::move(text));
  rest_at_ = 0;
  send_rest();
}

std::optional<std::size_t> EventStream::write(const ::iovec* pieces, std::size_t count) {
  ::msghdr message{};
  message.msg_iov = const_cast<::iovec*>(pieces);
  message.msg_iovlen = count;
  ::ssize_t sent = -1;
  do {
    // Most writes are of one event, and send() spares the kernel the copy of a message header.
    sent = count == 1 ? ::send(socket_.native_handle(), pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                      : ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      stall();
    } else {
      ++streams_.stats_.closed_by_client;
      close();
    }
    return std::nullopt;
  }
  last_write_ = streams_.wheel_.now();
  ++streams_.stats_.writes;
  streams_.stats_.bytes_sent += static_cast<std::uint64_t>(sent);
  return static_cast<std::size_t>(sent);
}

bool EventStream::send_rest() {
  while (rest_) {
    const ::iovec one = piece(std::string_view(*rest_).substr(rest_at_));
    const auto sent = write(&one, 1);
    if (!sent) return false;
    rest_at_ += *sent;
    if (rest_at_ == rest_->size()) rest_.reset();
  }
  return true;
}

void EventStream::send_events() {
  std::array<Item, kPiecesAWrite> items;
  std::size_t count = peek(items);
  if (count == 0) return;
  for (std::size_t i = 0; ends_ && i < count; ++i) {
    if (is_last(**items[i].event)) over_ = (count = i + 1) > 0;
  }
  std::array<::iovec, kPiecesAWrite> pieces;
  for (std::size_t i = 0; i < count; ++i) pieces[i] = piece((*items[i].event)->wire);
  const auto sent = write(pieces.data(), count);
  if (!sent) {
    over_ = false;
    return;
  }
  std::size_t left = *sent;
  for (std::size_t i = 0; i < count; ++i) {
    if (left == 0) {  // not a byte of this one: it is peeked again
      over_ = false;
      return stall();
    }
    const std::size_t size = pieces[i].iov_len;
    if (left < size) {
      const EventRef& event = *items[i].event;
      rest_ = std::shared_ptr<const std::string>(event, &event->wire);
      rest_at_ = left;
    }
    const bool last = over_ && i + 1 == count;
    consume(items[i]);
    ++streams_.stats_.events_sent;
    if (left < size) {
      over_ = last;
      return stall();
    }
    left -= size;
  }
  if (over_) return end();
  if (count == items.size()) streams_.node_.wake_later(*this);
}

void EventStream::stall() {
  if (stalled_) return;
  stalled_ = true;
  stalled_since_ = streams_.wheel_.now();
  schedule(streams_.ticks(streams_.options_.write_stall));
  ++pending_;
  socket_.async_wait(asio::socket_base::wait_write,
                     [this, alive = std::weak_ptr<int>(streams_.alive_)](boost::system::error_code) {
                       if (alive.expired()) return;
                       --pending_;
                       if (closed_) return retire_when_quiet();
                       stalled_ = false;
                       schedule(streams_.ticks(streams_.options_.heartbeat));
                       if (!send_rest() || closed_) return;
                       if (over_) return end();
                       send_events();
                     });
}

void EventStream::watch_for_close() {
  ++pending_;
  socket_.async_wait(asio::socket_base::wait_read,
                     [this, alive = std::weak_ptr<int>(streams_.alive_)](boost::system::error_code) {
                       if (alive.expired()) return;
                       --pending_;
                       if (closed_) return retire_when_quiet();
                       client_sent_something();
                     });
}

void EventStream::client_sent_something() {
  std::array<char, 512> junk;
  const ::ssize_t got = ::recv(socket_.native_handle(), junk.data(), junk.size(), MSG_DONTWAIT);
  const bool nothing_yet = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  if (got > 0) junk_ = static_cast<std::uint16_t>(junk_ + got);
  if ((got <= 0 && !nothing_yet) || junk_ > kMaxJunkBytes) {
    ++streams_.stats_.closed_by_client;
    return close();
  }
  watch_for_close();
}

/// Ends the stream no later than in `wait`.
void EventStream::end_by(std::chrono::milliseconds wait) {
  std::uint32_t at = streams_.wheel_.now() + std::max(streams_.ticks(wait), 2U) - 1;  // a tick is rounded up
  if (at == 0) at = 1;
  if (ends_at_ == 0 || static_cast<std::int32_t>(at - ends_at_) < 0) ends_at_ = at;
}

bool EventStream::aged() const noexcept {
  return ends_at_ != 0 && static_cast<std::int32_t>(streams_.wheel_.now() - ends_at_) >= 0;
}

/// Looks again in so many ticks, or when the lifetime is over, should that be earlier.
void EventStream::schedule(std::uint32_t ticks) {
  if (ends_at_ != 0) ticks = aged() ? 1 : std::min(ticks, ends_at_ - streams_.wheel_.now());
  streams_.wheel_.schedule(*this, ticks);
}

void EventStream::drain() {
  std::uniform_int_distribution<std::int64_t> spread(0, streams_.options_.drain_spread.count());
  if (closed_) return;
  ++streams_.stats_.drained;
  part(streams_.options_.retry + std::chrono::milliseconds(spread(streams_.random_)));
}

/// Ends the stream as an EventSource takes it for a lost connection: it comes back, after `retry`, with its cursor.
void EventStream::part(std::chrono::milliseconds retry) {
  if (!head_sent_) send_head({});
  if (!closed_ && !stalled_) {
    std::string text;
    events::wire::append_retry(text, static_cast<std::uint32_t>(retry.count()));
    send_text(std::move(text));
  }
  if (!closed_) close();
}

bool EventStream::is_last(const events::BroadcastEvent& event) const noexcept {
  return event.is_end() || (until_ != events::kNoEvent && !event.is_gap() && event.id >= until_);
}

void EventStream::end() {
  ++streams_.stats_.ended;
  close();
}

void EventStream::close() {
  if (closed_) return;
  closed_ = true;
  leave();
  TimerWheel::cancel(*this);
  boost::system::error_code ignored;
  socket_.close(ignored);
  released_.reset();
  ticket_.reset();
  rest_.reset();
  retire_when_quiet();
}

void EventStream::retire_when_quiet() {
  if (pending_ > 0 || retired_) return;
  retired_ = true;
  streams_.retire(*this);
}

EventStreams::EventStreams(asio::any_io_executor executor, events::Node& node, EventStreamOptions options)
    : executor_(executor),
      node_(node),
      options_(options),
      tick_(std::clamp(std::min(options.heartbeat, options.write_stall) / 16, std::chrono::milliseconds(5),
                       std::chrono::milliseconds(500))),
      wheel_(kWheelSlots),
      timer_(executor),
      random_(random_seed()) {
  timer_.expires_after(tick_);
  arm();
}

EventStreams::~EventStreams() {
  alive_.reset();
  for (auto& stream : streams_) stream->leave();
}

void EventStreams::arm() {
  timer_.async_wait([this, alive = std::weak_ptr<int>(alive_)](boost::system::error_code) {
    if (alive.expired() || stopped_) return;
    wheel_.advance([](TimerWheel::Hook& hook) { static_cast<EventStream&>(hook).on_tick(); });
    timer_.expires_at(std::max(timer_.expiry() + tick_, std::chrono::steady_clock::now()));
    arm();
  });
}

std::uint32_t EventStreams::ticks(std::chrono::milliseconds wait) const noexcept {
  return static_cast<std::uint32_t>((wait + tick_ - std::chrono::milliseconds(1)) / tick_);
}

void EventStreams::open(StreamSocket socket, EventStreamRequest request) {
  auto stream = std::make_unique<EventStream>(*this, std::move(socket));
  EventStream& opened = *stream;
  opened.place_ = static_cast<std::uint32_t>(streams_.size());
  streams_.push_back(std::move(stream));
  ++stats_.opened;
  opened.begin(std::move(request));
}

void EventStreams::drain() {
  for (std::size_t i = streams_.size(); i-- > 0;) {
    if (i < streams_.size()) streams_[i]->drain();
  }
}

void EventStreams::close() {
  stopped_ = true;
  timer_.cancel();
  for (std::size_t i = streams_.size(); i-- > 0;) {
    if (i < streams_.size()) streams_[i]->close();
  }
}

void EventStreams::retire(EventStream& stream) {
  const std::uint32_t place = stream.place_;
  std::swap(streams_[place], streams_.back());
  streams_[place]->place_ = place;
  retired_.push_back(std::move(streams_.back()));
  streams_.pop_back();
  if (retired_.size() > 1) return;
  // Not now: the stream may be in the middle of one of its own functions.
  asio::post(executor_, [this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) bury();
  });
}

void EventStreams::bury() { retired_.clear(); }

EventStreamStats EventStreams::stats() const {
  EventStreamStats stats = stats_;
  stats.open = streams_.size();
  return stats;
}

const std::string& EventStreams::date() {
  const auto now = std::chrono::system_clock::now();
  if (now >= date_until_) {
    date_ = http_date(now);
    date_until_ = std::chrono::floor<std::chrono::seconds>(now) + std::chrono::seconds(1);
  }
  return date_;
}

}  // namespace inkwell::server

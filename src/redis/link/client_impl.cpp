#include "redis/link/client_impl.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/random.hpp"
#include "redis/link/server_error.hpp"

namespace inkwell::redis {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kCopyBelow =
    4096;  // smaller requests are copied together; larger ones are written from where they are
constexpr std::size_t kWriteAtOnce = 48;  // buffers in one write: below Asio's limit of 64 an operation
constexpr std::size_t kBytesAtOnce = 1 << 20;

Error unknown_outcome(const Error& cause) {
  return Error(cause.kind(), cause.code(),
               cause.message() + " The command was sent; whether it was applied is not known.",
               "Retry it only if applying it twice does no harm.")
      .with_unknown_outcome();
}

}  // namespace

Client::Impl::Impl(asio::any_io_executor executor, Options options)
    : executor_(executor),
      options_(std::move(options)),
      gate_(executor),
      backoff_(options_.backoff_base, options_.backoff_cap, options_.seed != 0 ? options_.seed : random_seed()),
      wake_writer_(executor),
      deadline_timer_(executor) {
  wake_writer_.expires_at(Clock::time_point::max());
  deadline_timer_.expires_at(Clock::time_point::max());
}

void Client::Impl::start() {
  gate_.spawn("redis client", run());
  gate_.spawn("redis client deadlines", expire_all());
}

// ---- Calls ----

asio::awaitable<std::vector<Result<Reply>>> Client::Impl::execute(Request request, CallOptions options) {
  auto self = shared_from_this();  // a caller may drop the client while it waits
  if (request.empty()) co_return std::vector<Result<Reply>>{};
  if (const auto refused = refusal(request)) {
    stats_.rejected += request.size();
    co_return std::vector<Result<Reply>>(request.size(), std::unexpected(*refused));
  }
  link::Call call;
  call.commands = request.size();
  call.idempotent = options.idempotent;
  call.deadline = Clock::now() + (options.timeout.count() > 0 ? options.timeout : options_.command_timeout);
  call.answers.reserve(call.commands);
  // If this frame is destroyed while it waits, nothing may point to the call any more.
  struct Leave {
    Impl& impl;
    link::Call& call;
    ~Leave() { impl.abandon(call); }
  } leave{*this, call};

  enqueue(call, std::move(request));
  auto cancelled = co_await asio::this_coro::cancellation_state;
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [this, &call, slot = cancelled.slot()](auto handler) mutable {
        call.handler.emplace(std::move(handler));
        if (!slot.is_connected()) return;
        slot.assign([this, &call](asio::cancellation_type) {
          abandon(call);
          if (!call.handler) return;
          fill_up(call, Error(ErrorKind::cancelled, "cancelled", "The wait for Redis was cancelled."));
          complete(call);
        });
      },
      asio::use_awaitable);
  co_return std::move(call.answers);
}

std::optional<Error> Client::Impl::refusal(const Request& request) const {
  if (closing_) return Error(ErrorKind::cancelled, "redis_closed", "The Redis client is closed.");
  if (slots_.size() < options_.max_queued_requests &&
      queued_bytes_ + request.wire().size() <= options_.max_queued_bytes) {
    return std::nullopt;
  }
  return Error(ErrorKind::overloaded, "redis_overloaded",
               "Too many commands wait for Redis at " + options_.endpoint.to_string() + ".",
               "Retry later; raise the queue's bounds if this is normal load.")
      .with_retry_after(std::chrono::seconds(1));
}

void Client::Impl::enqueue(link::Call& call, Request request) {
  call.place = first_place_ + slots_.size();
  queued_bytes_ += request.wire().size();
  stats_.requests += request.size();
  slots_.push_back({&call, std::move(request).wire(), call.commands});
  if (deadlines_.add(call)) arm_deadline_timer();
  if (connected_ && sent_ + 1 == slots_.size()) wake_writer_.cancel_one();
}

// Lets go of a call whose waiter leaves. Unwritten, it is taken out; written, its replies will be dropped as they come.
void Client::Impl::abandon(link::Call& call) {
  if (call.is_linked()) call.unlink();
  if (call.place < first_place_) return;
  const std::size_t index = call.place - first_place_;
  if (index >= slots_.size() || slots_[index].call != &call) return;
  slots_[index].call = nullptr;
  if (index < sent_) return;
  queued_bytes_ -= slots_[index].wire.size();
  slots_[index].wire.clear();
  slots_[index].unanswered = 0;
}

void Client::Impl::complete(link::Call& call) {
  if (call.is_linked()) call.unlink();
  if (!call.handler) return;
  auto handler = std::move(*call.handler);
  call.handler.reset();
  asio::get_associated_cancellation_slot(handler).clear();
  asio::post(executor_, std::move(handler));
}

void Client::Impl::fill_up(link::Call& call, const Error& error) {
  const Error& told = call.sent ? unknown_outcome(error) : error;
  if (told.outcome_unknown()) ++stats_.unknown;
  while (call.answers.size() < call.commands) call.answers.emplace_back(std::unexpected(told));
}

void Client::Impl::expire(link::Call& call) {
  ++stats_.timeouts;
  abandon(call);
  Error error(ErrorKind::deadline_exceeded, "redis_timeout",
              "Redis at " + options_.endpoint.to_string() + " did not answer within the deadline.",
              "Check its load and latency (SLOWLOG, --latency).");
  if (!call.sent && last_failure_) error = *last_failure_;
  fill_up(call, error);
  complete(call);
}

void Client::Impl::arm_deadline_timer() {
  const auto next = deadlines_.next();
  deadline_timer_.expires_at(next.value_or(Clock::time_point::max()));  // cancels the wait, which looks again
}

asio::awaitable<void> Client::Impl::expire_all() {
  for (;;) {
    co_await deadline_timer_.async_wait(kTuple);
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() != asio::cancellation_type::none) co_return;
    const auto now = Clock::now();
    while (link::Call* call = deadlines_.pop(now)) expire(*call);
    arm_deadline_timer();
  }
}

// ---- The connection ----

asio::awaitable<void> Client::Impl::run() {
  asio::steady_timer pause(executor_);
  while (!closing_) {
    emit(LinkEvent::Kind::connecting, options_.endpoint.to_string());
    wire_ = std::make_unique<link::Wire>(executor_, options_);
    auto opened = co_await wire_->open();
    if (opened) {
      ++stats_.connects;
      backoff_.reset();
      last_failure_.reset();
      connected_ = true;
      emit(LinkEvent::Kind::connected, options_.endpoint.to_string());
      const Error error = co_await serve();
      connected_ = false;
      collect_wire_stats();
      wire_->close();
      last_failure_ = error;
      requeue_after_loss(error);
      emit(LinkEvent::Kind::lost, error.message());
    } else {
      ++stats_.connect_failures;
      last_failure_ = opened.error();
      emit(LinkEvent::Kind::connect_failed, opened.error().message());
    }
    pause.expires_after(backoff_.next());
    co_await pause.async_wait(asio::use_awaitable);
  }
}

// Reads, writes and watches until one of them finds the connection gone.
asio::awaitable<Error> Client::Impl::serve() {
  using namespace asio::experimental::awaitable_operators;
  auto ended = co_await (read_all() || write_all() || watch_health());
  co_return std::visit([](Error error) { return error; }, std::move(ended));
}

asio::awaitable<Error> Client::Impl::read_all() {
  for (;;) {
    for (bool more = true;;) {
      auto reply = wire_->take(more);
      if (!reply) co_return std::move(reply.error());
      if (!more) break;
      auto broken = match(std::move(*reply));
      if (broken) co_return std::move(*broken);
    }
    auto read = co_await wire_->read_some();
    if (!read) co_return std::move(read.error());
  }
}

// Gives a reply to the call that waits for it.
std::optional<Error> Client::Impl::match(Reply reply) {
  if (reply.view().type() == Type::push) return std::nullopt;
  while (sent_ > 0 && slots_.front().unanswered == 0) retire_front();
  if (sent_ == 0) {
    return Error(ErrorKind::upstream, "redis_protocol", "Redis sent a reply that nothing asked for.",
                 "Check what stands between Inkwell and Redis.");
  }
  ++stats_.replies;
  link::Slot& slot = slots_.front();
  if (slot.call != nullptr) {
    if (reply.view().is_error()) {
      ++stats_.errors;
      slot.call->answers.emplace_back(std::unexpected(link::server_error(reply.view().text())));
    } else {
      slot.call->answers.emplace_back(std::move(reply));
    }
  }
  if (--slot.unanswered > 0) return std::nullopt;
  link::Call* const call = slot.call;
  retire_front();
  if (call != nullptr) complete(*call);
  return std::nullopt;
}

// The first slot has all its replies. A server may answer (with an error) what is still being written: those bytes stay
// until then.
void Client::Impl::retire_front() {
  if (writing_ && slots_.front().wire.size() >= kCopyBelow) retired_.push_back(std::move(slots_.front().wire));
  slots_.pop_front();
  ++first_place_;
  --sent_;
}

asio::awaitable<Error> Client::Impl::write_all() {
  for (;;) {
    if (sent_ == slots_.size()) {
      co_await wake_writer_.async_wait(kTuple);
      // Whoever else is ready to run in this turn of the loop adds its commands to the same write.
      co_await asio::post(executor_, asio::use_awaitable);
      if (sent_ == slots_.size()) continue;
    }
    const auto buffers = gather();
    if (buffers.empty()) continue;
    ++stats_.writes;
    writing_ = true;
    auto written = co_await wire_->write(buffers);
    writing_ = false;
    retired_.clear();
    if (!written) co_return std::move(written.error());
  }
}

// Takes the next slots into one write: small ones copied together, large ones where they are.
std::vector<asio::const_buffer> Client::Impl::gather() {
  struct Piece {
    const char* data;  // null: in out_
    std::size_t offset;
    std::size_t size;
  };
  std::vector<Piece> pieces;
  std::size_t bytes = 0;
  out_.clear();
  while (sent_ < slots_.size() && pieces.size() < kWriteAtOnce && bytes < kBytesAtOnce) {
    link::Slot& slot = slots_[sent_];
    ++sent_;
    if (slot.unanswered == 0) continue;  // its waiter left before it was written
    if (slot.call != nullptr) slot.call->sent = true;
    queued_bytes_ -= slot.wire.size();
    bytes += slot.wire.size();
    if (slot.wire.size() >= kCopyBelow) {
      pieces.push_back({slot.wire.data(), 0, slot.wire.size()});
    } else if (!pieces.empty() && pieces.back().data == nullptr) {
      pieces.back().size += slot.wire.size();
      out_.append(slot.wire);
    } else {
      pieces.push_back({nullptr, out_.size(), slot.wire.size()});
      out_.append(slot.wire);
    }
  }
  std::vector<asio::const_buffer> buffers;
  buffers.reserve(pieces.size());
  for (const auto& piece : pieces) {
    buffers.emplace_back(piece.data != nullptr ? piece.data : out_.data() + piece.offset, piece.size);
  }
  return buffers;
}

// A peer that died without closing the socket is noticed by a PING that stays unanswered.
asio::awaitable<Error> Client::Impl::watch_health() {
  asio::steady_timer timer(executor_);
  for (;;) {
    const auto silent_until = wire_->last_read() + options_.health_interval;
    if (Clock::now() < silent_until) {
      timer.expires_at(silent_until);
      co_await timer.async_wait(asio::use_awaitable);
      continue;
    }
    const auto before = wire_->bytes_read();
    slots_.push_back({nullptr, "*1\r\n$4\r\nPING\r\n", 1});
    queued_bytes_ += slots_.back().wire.size();
    if (sent_ + 1 == slots_.size()) wake_writer_.cancel_one();
    timer.expires_after(options_.health_timeout);
    co_await timer.async_wait(asio::use_awaitable);
    if (wire_->bytes_read() != before) continue;
    co_return Error(ErrorKind::unavailable, "redis_unavailable",
                    "Redis at " + options_.endpoint.to_string() + " stopped answering.",
                    "Check that it runs and is reachable.");
  }
}

// Written calls whose answers are lost: idempotent ones are sent again, in order, the others learn that their outcome
// is unknown.
void Client::Impl::requeue_after_loss(const Error& error) {
  std::deque<link::Slot> waiting;
  std::vector<link::Call*> ended;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    link::Slot& slot = slots_[i];
    if (slot.call == nullptr) continue;
    if (i < sent_) {
      if (!slot.call->idempotent) {
        ended.push_back(slot.call);
        continue;
      }
      slot.call->answers.clear();
      slot.unanswered = slot.call->commands;
      queued_bytes_ += slot.wire.size();
      stats_.resent += slot.call->commands;
    }
    waiting.push_back(std::move(slot));
  }
  first_place_ += slots_.size();
  slots_ = std::move(waiting);
  sent_ = 0;
  writing_ = false;  // a write that was cancelled has not come back to say so
  retired_.clear();
  queued_bytes_ = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].call->place = first_place_ + i;
    queued_bytes_ += slots_[i].wire.size();
  }
  for (link::Call* call : ended) {
    fill_up(*call, error);
    complete(*call);
  }
}

void Client::Impl::fail_all(const Error& error) {
  while (!slots_.empty()) {
    link::Call* const call = slots_.front().call;
    slots_.pop_front();
    ++first_place_;
    if (call == nullptr) continue;
    fill_up(*call, error);
    complete(*call);
  }
  sent_ = 0;
  queued_bytes_ = 0;
}

asio::awaitable<void> Client::Impl::close() {
  auto self = shared_from_this();
  if (std::exchange(closing_, true)) co_return;
  co_await gate_.close();
  connected_ = false;
  if (wire_) {
    collect_wire_stats();
    wire_->close();
  }
  fail_all(Error(ErrorKind::cancelled, "redis_closed", "The Redis client was closed."));
  emit(LinkEvent::Kind::closed, options_.endpoint.to_string());
}

void Client::Impl::emit(LinkEvent::Kind kind, std::string detail) const {
  if (options_.on_event) options_.on_event({kind, std::move(detail)});
}

void Client::Impl::collect_wire_stats() {
  stats_.bytes_read += wire_->bytes_read();
  stats_.bytes_written += wire_->bytes_written();
  wire_ = std::make_unique<link::Wire>(executor_, options_);
}

ClientStats Client::Impl::stats() const noexcept {
  ClientStats stats = stats_;
  stats.connected = connected_;
  stats.pending = slots_.size();
  if (wire_) {
    stats.bytes_read += wire_->bytes_read();
    stats.bytes_written += wire_->bytes_written();
  }
  return stats;
}

}  // namespace inkwell::redis

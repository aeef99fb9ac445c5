// Call: one execute() waiting for its answers. It lives in the frame of the coroutine that waits; the link only points
// to it, and lets go of it when it is answered, expired or abandoned. What must outlive the waiter (the bytes, the
// place in the order of replies) is the Slot's.
#pragma once

#include <boost/asio/use_awaitable.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <inkwell/redis/options.hpp>
#include <inkwell/redis/reply.hpp>

#include "base/asio.hpp"

namespace inkwell::redis::link {

using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

struct Call : Hook {
  using Handler = typename asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

  std::size_t commands = 0;
  bool idempotent = false;
  bool sent = false;  ///< handed to the socket at least in part: its outcome is unknown if the answer is lost
  std::uint64_t place = 0;
  std::chrono::steady_clock::time_point deadline;
  std::vector<Result<Reply>> answers;
  std::optional<Handler> handler;

  Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
};

/// A place in the order of requests and replies. `call` is null once its waiter has gone; replies are then read and
/// dropped.
struct Slot {
  Call* call = nullptr;
  std::string wire;
  std::size_t unanswered = 0;
};

/// Calls by deadline, in ticks of 8 ms, so that a call costs no timer and no allocation of its own.
class Deadlines {
 public:
  using Clock = std::chrono::steady_clock;
  using List = boost::intrusive::list<Call, boost::intrusive::constant_time_size<false>>;
  static constexpr std::chrono::milliseconds kTick{8};

  /// True when `call` is now the first to expire.
  bool add(Call& call) {
    const auto tick = call.deadline.time_since_epoch() / kTick + 1;
    const bool first = ticks_.empty() || tick < ticks_.begin()->first;
    ticks_[tick].push_back(call);
    return first;
  }
  /// When to look again; nothing when no call is waiting. Drops ticks whose calls have all gone.
  std::optional<Clock::time_point> next() {
    while (!ticks_.empty() && ticks_.begin()->second.empty()) ticks_.erase(ticks_.begin());
    if (ticks_.empty()) return std::nullopt;
    return Clock::time_point(ticks_.begin()->first * kTick);
  }
  /// One call whose deadline has passed, unlinked; null when there is none.
  Call* pop(Clock::time_point now) {
    const auto first = next();
    if (!first || *first > now) return nullptr;
    Call& call = ticks_.begin()->second.front();
    call.unlink();
    return &call;
  }

 private:
  std::map<std::int64_t, List> ticks_;
};

}  // namespace inkwell::redis::link

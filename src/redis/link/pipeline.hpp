// Pipeline: who waits for what, on a connection or for one. The deciding half of a link, without I/O or clock: it takes
// calls, bytes written, replies, losses and `now`, and says what to write and whose answers are ready. Lives on its
// link's thread.
//
// A call is queued, taken into a write (it then has a place in the order of replies), and made ready. A place outlives
// its call: when the waiter leaves, the late reply is still matched to the place and dropped, so it can never reach
// another caller. What a loss does to a call follows from what of it was written:
//   nothing, or no whole command     not applied: queued again
//   whole commands, idempotent       sent again
//   whole commands, otherwise        outcome unknown
// A WAIT tells of what its own connection wrote, so it never goes on alone where the commands before it were answered:
// its request is sent again whole, or ends.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>
#include <inkwell/redis/reply.hpp>

#include "base/backoff.hpp"
#include "redis/link/call.hpp"
#include "redis/link/deadlines.hpp"
#include "redis/link/ring.hpp"

namespace inkwell::redis::link {

class Pipeline {
 public:
  struct Bounds {
    std::size_t max_requests;
    std::size_t max_bytes;
  };
  struct Counters {
    std::uint64_t requests = 0;
    std::uint64_t replies = 0;
    std::uint64_t errors = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t unknown = 0;
    std::uint64_t resent = 0;
    std::uint64_t rejected = 0;
  };

  /// `server` names the server in errors; `refusal_backoff` paces what the server refuses for the moment (LOADING).
  Pipeline(Bounds bounds, std::string server, Backoff refusal_backoff);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;
  /// Throws the continuations of all waiting calls away.
  ~Pipeline();

  // ---- Calls ----

  /// Queues `call`, whose deadline is set; or says why not, and leaves it idle.
  std::optional<Error> submit(Call& call);
  /// Ends the wait, with what is known of the outcome. Nothing happens to a call that is ready already.
  void cancel(Call& call);
  /// The call is being destroyed.
  void forget(Call& call) noexcept;
  /// The next call to be resumed, idle again; null when there is none.
  Call* take_ready() noexcept;
  bool has_ready() const noexcept { return !ready_.empty(); }

  // ---- The connection ----

  /// What to write next, in at most kPieces pieces; empty when there is nothing. The same until wrote() has covered it.
  std::span<const std::string_view> output(Clock::time_point now);
  void wrote(std::size_t bytes) noexcept;
  /// Sends a PING ahead of the queue. Its answer is dropped.
  void ping() { ping_due_ = true; }
  /// The next reply, which is no push. False when nothing was asked: the connection cannot be trusted any more.
  [[nodiscard]] bool answer(Reply reply, Clock::time_point now);

  enum class Blame : std::uint8_t {
    nobody,
    first,  ///< the reply of the oldest call ended the connection: that call is not sent again
  };
  /// The connection is gone. With `again`, there will be another one; without, every call ends.
  void lost(const Error& cause, Blame blame, bool again);
  /// Ends the calls that wait to be written.
  void end_queued(const Error& cause);

  // ---- Time ----

  /// Ends the calls whose deadline has come. `offline` is why there is no connection, when there is none.
  void expire(Clock::time_point now, const std::optional<Error>& offline);
  /// When expire() or output() should be called next, at the latest.
  Clock::time_point next_deadline(Clock::time_point now) noexcept;

  /// Commands that wait to be written or answered, those without a waiter included.
  std::size_t pending() const noexcept { return queued_commands_ + in_flight_commands_; }
  const Counters& counters() const noexcept { return counters_; }

  static constexpr std::size_t kPieces = 32;

 private:
  struct Place {
    Call* call = nullptr;  ///< null once its waiter has left
    std::uint32_t asked = 0;
    std::uint32_t left = 0;  ///< answers still to come
    std::uint64_t end = 0;   ///< where its last byte is in the bytes sent over this connection
  };
  using List = boost::intrusive::list<Call, boost::intrusive::member_hook<Call, Hook, &Call::queue_hook>,
                                      boost::intrusive::constant_time_size<false>>;

  void enqueue(Call& call, List& list);
  void dequeue(Call& call) noexcept;
  void take_into_write(Call& call);
  void close_piece();
  void make_ready(Call& call);
  void fill_up(Call& call, const Error& error);
  void leave(Call& call, const Error& not_applied, const Error& unknown);
  void refuse(Call* call, std::string_view line);
  bool try_again_later(Call& call, Clock::time_point now);
  void send_again_whole(Call& call, List& resend);
  void after_loss(const Place& place, const Error& cause, bool again, List& resend);
  Error why_unsent(const Call& call, const std::optional<Error>& offline) const;
  void detach(List& list) noexcept;

  Bounds bounds_;
  std::string server_;
  Backoff refusal_backoff_;
  Clock::time_point hold_until_{};  ///< the server refuses everything for now: nothing is written before
  bool refused_before_ = false;
  Clock::time_point refused_since_{};
  Clock::time_point last_expiry_{};
  Deadlines deadlines_;
  List queue_;    ///< to be written, in order
  List refused_;  ///< to be written again, before queue_, once hold_until_ has passed
  List ready_;
  Ring<Place> places_;
  std::size_t queued_commands_ = 0;
  std::size_t queued_bytes_ = 0;
  std::size_t in_flight_commands_ = 0;
  bool ping_due_ = false;

  std::string out_;  ///< small requests, copied together
  std::size_t piece_begin_ = 0;
  std::vector<std::string_view> pieces_;
  std::size_t next_piece_ = 0;
  std::vector<std::string> kept_;  ///< large requests whose call ended before they were written
  std::uint64_t taken_ = 0;        ///< bytes taken into writes on this connection
  std::uint64_t written_ = 0;      ///< of them, bytes the kernel has
  Counters counters_;
};

}  // namespace inkwell::redis::link

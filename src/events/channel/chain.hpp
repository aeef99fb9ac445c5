// Chain: keeps a node's copy of a channel's end whole. It takes what happens on the channel's one subscription - it was
// confirmed, it was lost, a message came - and what reads of the log answered, and gives the events to append to the
// ring, in log order, each once, with a mark wherever one may be missing. A pure machine: no clock, no I/O; tests step
// it.
//
// Each event names its predecessor. A live event that names the last one we have is appended. One we have already is a
// duplicate. Any other shows that something was missed (a message, a reconnect of the subscription, a failover), and
// the log is read from our last event, inclusively, before anything later is passed on:
//   - our last is there, or the first entry names it: what follows is what we missed; no loss;
//   - the log begins after it: it was trimmed past us: a gap, then what there is;
//   - older entries than ours are there, but not ours: the log lost its end (a failover that lost acknowledged writes)
//     and grew another, whose ids may be lower than what we sent. The newest entry that is in our ring is where the two
//     fork; what stands after it is new, however old it looks. Told as a gap.
// While a read is under way live events are kept in a bounded backlog; beyond the bound they are dropped and read from
// the log afterwards.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "events/channel/resume.hpp"
#include "events/channel/ring.hpp"
#include "events/options.hpp"

namespace inkwell::events {

struct ChainStats {
  std::uint64_t appended = 0;
  std::uint64_t duplicates = 0;  ///< live events that were here already
  std::uint64_t repairs = 0;     ///< reads of the log that a broken chain or a reconnect made necessary
  std::uint64_t gaps = 0;
};

class Chain {
 public:
  explicit Chain(ChainOptions options) : options_(options), ring_(options.ring_bytes) {}

  /// A read of the log the machine waits for. Until `answer` is called with its ticket the same read stays wanted: one
  /// that failed is simply done again.
  struct Read {
    enum class Kind : std::uint8_t { newest, from };
    Kind kind;
    EventId from;  ///< inclusive; kNoEvent: from the oldest
    std::size_t count;
    std::uint64_t ticket;
  };

  void subscribed();
  void lost();
  void live(EventRef event);
  /// Asks for a look at the log's end, in case a message was lost without the connection being.
  void check();
  std::optional<Read> wanted() const { return read_; }
  /// An answer whose ticket is not the wanted one is old and ignored.
  void answer(std::uint64_t ticket, const LogPiece& piece);

  /// True from the first confirmed and read subscription on: the ring's start and end are known.
  bool ready() const noexcept { return ready_; }
  const Ring& ring() const noexcept { return ring_; }
  /// What was appended to the ring since the last call, in order; meaningful once ready.
  std::vector<EventRef> take_appended() { return std::exchange(appended_, {}); }
  const ChainStats& stats() const noexcept { return stats_; }

 private:
  enum class Purpose : std::uint8_t { first, verify, repair, check, resync };

  void want(Purpose purpose);
  void start(const LogPiece& piece);
  void fill(const LogPiece& piece);
  void continue_with(const LogPiece& piece);
  void log_is_empty();
  void resync(const LogPiece& piece);
  void settle();
  void process(EventRef event);
  void append(EventRef event);
  void gap(std::optional<EventId> to, GapReason reason);
  void append_from(const std::vector<EventRef>& events, std::size_t first);

  ChainOptions options_;
  Ring ring_;
  bool ready_ = false;
  bool listening_ = false;  ///< the subscription is confirmed
  EventId expected_{};      ///< the predecessor the next event must name
  std::optional<Read> read_;
  Purpose purpose_ = Purpose::first;
  std::uint64_t tickets_ = 0;
  std::deque<EventRef> backlog_;
  std::size_t backlog_bytes_ = 0;
  std::size_t covered_ = 0;  ///< of the backlog: came before the wanted read was asked for, so the read covers them
  bool overflowed_ = false;
  bool lost_sight_ = false;  ///< the read under way follows a time without a subscription
  std::vector<EventRef> appended_;
  ChainStats stats_;
};

}  // namespace inkwell::events

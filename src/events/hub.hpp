// Hub: how the workers' shares of the channels speak to each other. Each channel is owned by one worker, which holds
// the channel's one Redis subscription; every worker with subscribers of it keeps a feed. Messages between them go
// through a mailbox a worker: what is put into it within one turn of the receiver's loop is taken out by one post. Made
// once, before the workers; outlives them. Thread-safe: every member may be called from any thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.hpp"
#include "events/event.hpp"

namespace inkwell::events {

/// A source's ring as a new feed takes it over.
struct Snapshot {
  std::optional<EventId> base;
  std::vector<EventRef> events;
};

struct Message {
  enum class Kind : std::uint8_t {
    attach,    ///< feed to source: send me a snapshot, then what follows it
    detach,    ///< feed to source: no more
    check,     ///< feed to source: see whether the log is ahead of you
    snapshot,  ///< source to feed
    append,    ///< source to feed
  };
  Kind kind;
  std::uint32_t from = 0;   ///< the worker that sends it
  std::uint64_t token = 0;  ///< names the feed on its worker
  std::string channel;      ///< to a source
  EventRef event;
  std::shared_ptr<const Snapshot> snapshot;
};

class Hub {
 public:
  using Receive = std::function<void(std::vector<Message>&)>;

  /// `max_waiting` bounds the snapshots and events waiting in one mailbox. Messages to a source are not counted: there
  /// are at most a few a feed.
  explicit Hub(std::size_t workers, std::size_t max_waiting = 65536);

  std::size_t workers() const noexcept { return mailboxes_.size(); }
  /// The worker that owns the channel.
  std::size_t owner_of(std::string_view channel) const noexcept;

  /// From now on `receive` gets what is posted to `worker`, on `executor`, in the order each sender posted it.
  void open(std::size_t worker, asio::any_io_executor executor, Receive receive);
  /// Drops what waits and what will come. Called on the worker's thread; `receive` is not called afterwards.
  void close(std::size_t worker);

  /// False when the mailbox is full (the sender must send a snapshot later) or closed.
  bool post(std::size_t worker, Message message);

 private:
  struct Mailbox {
    std::mutex mutex;  ///< guards the rest
    std::vector<Message> waiting;
    std::optional<asio::any_io_executor> executor;  ///< none: closed
    Receive receive;
    bool scheduled = false;
  };
  void deliver(Mailbox& mailbox);

  std::size_t max_waiting_;
  std::deque<Mailbox> mailboxes_;
};

}  // namespace inkwell::events

// Source: the owner's end of a channel: its one Redis subscription, the chain that keeps the ring whole, and the feeds
// of the workers that have readers. Lives on the owning worker's thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "events/channel/chain.hpp"
#include "events/hub.hpp"

namespace inkwell::events {

class Node;

class Source : public std::enable_shared_from_this<Source> {
 public:
  Source(Node& node, std::string channel);

  /// Subscribes. Called once, right after it was made.
  void open();
  /// Unsubscribes; nothing happens afterwards.
  void close();

  void attach(std::uint32_t worker, std::uint64_t token);
  void detach(std::uint32_t worker, std::uint64_t token);
  bool abandoned() const noexcept { return feeds_.empty(); }

  /// Looks whether the log is ahead.
  void check();
  /// Sends feeds what a full mailbox kept from them.
  void flush();
  /// When the next periodic check is due.
  std::chrono::steady_clock::time_point check_due() const noexcept { return check_due_; }

  const Chain& chain() const noexcept { return chain_; }

 private:
  struct Attachment {
    std::uint32_t worker;
    std::uint64_t token;
    bool current;  ///< it has a snapshot and everything after it
  };

  void message(std::string_view payload);
  void pump();
  bool send_snapshot(const Attachment& feed);
  void send(Attachment& feed, const std::vector<EventRef>& events);
  static asio::awaitable<void> read_while_wanted(std::shared_ptr<Source> self);

  Node& node_;
  std::string channel_;
  std::string live_channel_;
  Chain chain_;
  std::vector<Attachment> feeds_;
  bool reading_ = false;
  bool closed_ = false;
  std::chrono::steady_clock::time_point check_due_;
};

}  // namespace inkwell::events

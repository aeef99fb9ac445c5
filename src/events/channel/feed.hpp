// Feed: one worker's view of a channel: its copy of the ring (the events are shared, only references are copied) and
// the worker's readers, each a cursor. A reader whose cursor is in the ring is attached there without any read; one
// that is behind reads the log, and all that are behind share the reads: the oldest cursor is served first, and every
// other that its piece covers goes on from the same piece. Lives on its worker's thread.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "events/channel/ring.hpp"
#include "events/hub.hpp"
#include "events/log.hpp"
#include "events/reader.hpp"

namespace inkwell::events {

class Node;

class Feed : public std::enable_shared_from_this<Feed> {
 public:
  Feed(Node& node, std::string channel, std::uint64_t token);

  const std::string& channel() const noexcept { return channel_; }
  std::uint64_t token() const noexcept { return token_; }
  std::size_t readers() const noexcept;
  bool live() const noexcept { return live_; }

  void add(Reader& reader);
  void remove(Reader& reader);

  void restart(const Snapshot& snapshot);
  void append(EventRef event);
  /// Tells the attached readers of what was appended: once a turn of the loop.
  void flush();

  /// Called every second: readers that have been parked look at the log again. True when the source should look, too.
  bool tick();
  /// Since when nobody reads it.
  std::chrono::steady_clock::time_point idle_since() const noexcept { return idle_since_; }

 private:
  friend class Reader;
  using State = Reader::State;

  std::vector<Reader*>& list(State state) { return lists_[static_cast<std::size_t>(state)]; }
  void move(Reader& reader, State to);
  void unlink(Reader& reader);
  void place(Reader& reader);
  void joined(Reader& reader, std::optional<GapReason> gap);
  void attach(Reader& reader, std::uint64_t position);
  bool attach_by_cursor(Reader& reader);
  void wait_for_log(Reader& reader);

  std::size_t peek(Reader& reader, std::span<Reader::Item> items);
  std::size_t peek_piece(Reader& reader, std::span<Reader::Item> items);
  std::size_t peek_ring(Reader& reader, std::span<Reader::Item> items);
  void consume(Reader& reader, const Reader::Item& item);
  void end_of_piece(Reader& reader);

  static asio::awaitable<void> serve_history(std::shared_ptr<Feed> self);
  EventId oldest_wanted() const;
  void distribute(EventId from, const std::shared_ptr<const LogPiece>& piece);
  void serve(Reader& reader, EventId from, const std::shared_ptr<const LogPiece>& piece);
  void rewind(Reader& reader, const std::shared_ptr<const LogPiece>& piece);
  void enter(Reader& reader, const std::shared_ptr<const LogPiece>& piece, std::size_t index);

  Node& node_;
  std::string channel_;
  std::uint64_t token_;
  Ring ring_;
  bool live_ = false;
  bool reading_ = false;
  std::array<std::vector<Reader*>, 5> lists_;
  std::chrono::steady_clock::time_point idle_since_;
};

}  // namespace inkwell::events

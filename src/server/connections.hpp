// Connections: the HTTP side of one worker: which connections are open, by when each must have moved on, and how they
// are told to end. One coarse sweep serves all deadlines, so that arming one costs a store and no timer. Lives on its
// worker's thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "base/asio.hpp"

namespace inkwell::server {

struct Shared;

/// A session's place in the list. When its deadline passes, the pending operation of its socket fails with
/// operation_aborted and expired() says why.
class Connection : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Connection(asio::ip::tcp::socket& socket) : socket_(socket) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void arm(std::chrono::milliseconds wait) {
    deadline_ = Clock::now() + wait;
    expired_ = false;
  }
  void disarm() { deadline_ = Clock::time_point::max(); }
  bool expired() const noexcept { return expired_; }

  /// An idle connection has no request under way: draining ends it at once.
  void set_idle(bool idle) noexcept { idle_ = idle; }

 private:
  friend class Connections;
  void cancel();
  asio::ip::tcp::socket& socket_;
  Clock::time_point deadline_ = Clock::time_point::max();
  bool expired_ = false;
  bool idle_ = false;
};

class Connections {
 public:
  explicit Connections(Shared& shared);
  ~Connections();

  void add(Connection& connection) { list_.push_back(connection); }
  /// Ends what is past its deadline.
  void sweep(Connection::Clock::time_point now);
  /// How often to sweep: a quarter of the shortest timeout, between 5 and 250 ms.
  std::chrono::milliseconds sweep_interval() const;

  /// Counts a connection, of the worker and of the server, until the last copy is destroyed. Null when the server has
  /// its maximum already.
  std::shared_ptr<void> admit();
  std::size_t open() const noexcept { return open_; }

  /// From now on every answer says "Connection: close", idle connections are closed, and every drain callback is
  /// called.
  void drain();
  bool draining() const noexcept { return draining_; }
  /// See Worker::on_drain.
  std::shared_ptr<void> on_drain(std::function<void()> callback);

  /// "req_" and a number nobody can guess the neighbours' of.
  std::string next_request_id();
  /// The value of the Date header, made anew at most once a second.
  const std::string& date();

 private:
  using Callbacks = std::list<std::function<void()>>;
  Shared& shared_;
  boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>> list_;
  std::shared_ptr<Callbacks> callbacks_ = std::make_shared<Callbacks>();
  std::size_t open_ = 0;
  bool draining_ = false;
  std::string id_prefix_;
  std::uint64_t next_id_ = 0;
  std::string date_;
  std::chrono::system_clock::time_point date_until_{};
};

}  // namespace inkwell::server

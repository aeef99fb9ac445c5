// Commits: writes that are answered only once they survive more than the memory of one server: so many replicas have
// them (WAIT), or the append-only file has (WAITAOF, Redis 7.2). Redis blocks the connection that waits, so these
// writes have a connection of their own, and those that come while one wait is under way share the next: one round
// trip to the replicas serves them all. On a cluster every write waits for itself, because each goes to its own master.
//
// A write that was not confirmed in time is applied all the same; its caller is told that its outcome is unknown.
// Lives on one executor that runs on one thread; every member is called there.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <inkwell/redis/client.hpp>

#include "base/asio.hpp"
#include "base/gate.hpp"
#include "keyspace/acknowledgement.hpp"

namespace inkwell::keyspace {

class Commits {
 public:
  /// `link` is what the connection of its own is made with.
  Commits(const asio::any_io_executor& executor, const redis::Options& link, Acknowledgement level);
  Commits(const Commits&) = delete;
  Commits& operator=(const Commits&) = delete;
  /// close() must have been awaited.
  ~Commits();

  /// Runs a script and waits for its confirmation. The error "redis_unconfirmed" has an unknown outcome: the step was
  /// applied, and a failover may yet lose it. `script` must live as long as the process.
  asio::awaitable<Result<redis::Reply>> run(const redis::Script& script, std::vector<std::string> keys,
                                            std::vector<std::string> arguments, redis::CallOptions options);

  /// Refuses new writes, answers those under way with ErrorKind::cancelled.
  asio::awaitable<void> close();

  CommitStats stats() const noexcept { return stats_; }

 private:
  struct Write;
  using Writes = std::vector<std::shared_ptr<Write>>;
  using Replies = std::vector<Result<redis::Reply>>;

  asio::awaitable<void> send_all();
  asio::awaitable<Result<redis::Reply>> run_alone(std::shared_ptr<Write> write);
  Writes take_batch();
  redis::Request request_of(const Writes& batch) const;
  redis::CallOptions call_of(const Write& first) const;
  Writes settle(const Writes& batch, Replies replies);
  std::optional<Error> shortfall(const Result<redis::Reply>& wait) const;
  void end(Write& write, Result<redis::Reply> result);

  const asio::any_io_executor executor_;
  const Acknowledgement level_;
  const bool cluster_;
  const std::chrono::milliseconds deadline_;  ///< of one batch
  const std::size_t most_waiting_;
  redis::Client client_;
  Gate gate_;
  std::deque<std::shared_ptr<Write>> waiting_;
  bool sending_ = false;
  bool closed_ = false;
  CommitStats stats_;
};

}  // namespace inkwell::keyspace

// Load: callers that write through the link for as long as it lives, on a thread of their own, so that the test's own
// thread can break things meanwhile. Every write carries a token of its own, so that what was applied can be told from
// what was acknowledged afterwards. acknowledged(), counts_on() and start/stop are for the test's thread.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <inkwell/redis.hpp>

#include "base/asio.hpp"
#include "support/redis_server.hpp"

namespace inkwell::test {

/// What a caller was told of one write.
enum class Told : std::uint8_t {
  durable,  ///< applied, and as many replicas as were asked for have it
  applied,  ///< applied; a failover may lose it
  unknown,  ///< applied or not
  refused,  ///< surely not applied
};

struct Written {
  std::string token;
  Told told;
};

class Load {
 public:
  /// With `replicas` above zero each write waits until so many have it, and is durable only then.
  Load(redis::Options options, unsigned replicas);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { stop(); }

  /// Waits until so many more writes were applied, by the client's callers and by the pool's; false after a minute.
  bool counts_on(std::uint64_t more = 20) const;
  /// Ends the callers and closes the link. False when a caller hung.
  bool stop();

  std::uint64_t unknown() const noexcept { return unknown_; }
  std::uint64_t refused() const noexcept { return refused_; }
  std::uint64_t late() const noexcept { return late_; }  ///< calls that ended long after their deadline

  /// Reads back what `server` holds and checks it against what the callers were told. After stop().
  void expect_nothing_lost_or_doubled(const RedisServer& server) const;

 private:
  enum class By : std::uint8_t { client, pool };
  asio::awaitable<void> run();
  asio::awaitable<void> write_on(By by, unsigned caller);
  asio::awaitable<Told> write(By by, std::string token);
  asio::awaitable<Told> write_by_script(std::string token);
  void note(By by, std::string token, Told told);
  Told judge(const std::vector<Result<redis::Reply>>& answers) const;

  const redis::Options options_;
  const unsigned replicas_;
  asio::io_context io_{1};
  redis::Client client_;
  redis::Pool pool_;
  std::vector<Written> written_;  ///< the thread's until it has ended
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<std::uint64_t> by_client_ = 0;
  std::atomic<std::uint64_t> by_pool_ = 0;
  std::atomic<std::uint64_t> unknown_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  std::atomic<std::uint64_t> late_ = 0;
  std::thread thread_;
};

/// Descriptors this process has open.
std::size_t open_descriptors();

/// Polls until `condition` holds; false after a minute.
bool holds_soon(const std::function<bool()>& condition);

/// $INKWELL_SEED, or one from the kernel; printed, so that a failure can be replayed.
std::uint64_t announced_seed();

}  // namespace inkwell::test

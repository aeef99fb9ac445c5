// Real servers that Sentinels watch over: a master, its replicas, and Sentinels that agree within a second that a
// master is gone. All are children of the test and end with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include <inkwell/redis/options.hpp>

#include "support/redis_server.hpp"

namespace inkwell::test {

/// One Sentinel that watches `master_port` of 127.0.0.1 under the name "mymaster".
class SentinelServer {
 public:
  SentinelServer(std::uint16_t master_port, unsigned quorum);
  SentinelServer(const SentinelServer&) = delete;
  SentinelServer& operator=(const SentinelServer&) = delete;
  ~SentinelServer();

  std::uint16_t port() const noexcept { return port_; }
  void kill();
  std::string cli(const std::vector<std::string>& command) const;

 private:
  std::filesystem::path directory_;
  std::uint16_t port_;
  pid_t pid_ = -1;
};

class ReplicatedSet {
 public:
  /// Returns once the replicas are in sync and the Sentinels know of them and of each other.
  explicit ReplicatedSet(unsigned replicas = 2, unsigned sentinels = 3);

  redis::Endpoint endpoint() const;  ///< by the Sentinels
  std::string url() const;           ///< the same for the program
  RedisServer& server(std::size_t index) { return *servers_.at(index); }
  std::size_t size() const { return servers_.size(); }
  SentinelServer& sentinel(std::size_t index) { return *sentinels_.at(index); }
  /// Who the Sentinels say is the master; its index among the servers.
  std::size_t master() const;
  /// Asks a Sentinel for a failover and returns when there is another master.
  void fail_over();
  /// Returns when the Sentinels name another master than `before`; throws after kServersPatience.
  void wait_for_another_master(std::size_t before) const;
  /// Makes every other server replicate the master and returns when each has all that the master had at the time of the
  /// call and the Sentinels are content, so that a next failover can begin; throws after kServersPatience.
  void make_whole();

 private:
  /// Whom all Sentinels name as a master in good health, if it thinks so too.
  std::optional<std::size_t> agreed_master() const;

  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::vector<std::unique_ptr<SentinelServer>> sentinels_;
};

}  // namespace inkwell::test

// Pool::OnCluster: a pool for each master of a Redis Cluster, and the map that says which one a key needs. The map is
// read when it is first needed and whenever a borrower or a refused connection shows that it is wrong. Lives on one
// executor (one thread).
#pragma once

#include <map>
#include <memory>
#include <string>

#include <inkwell/redis/pool.hpp>

#include "redis/cluster/cluster.hpp"
#include "redis/link/pool_impl.hpp"

namespace inkwell::redis {

class Pool::OnCluster : public std::enable_shared_from_this<OnCluster> {
 public:
  OnCluster(asio::any_io_executor executor, Options options, PoolOptions pool_options);

  struct Found {
    std::shared_ptr<Impl> pool;
    std::unique_ptr<Slot> slot;
  };
  /// A connection to the master that serves `key`, or to any of them when it is empty.
  asio::awaitable<Result<Found>> pool_for(std::string key);
  void close();
  PoolStats stats() const noexcept;
  const asio::any_io_executor& executor() const noexcept { return executor_; }

 private:
  using Clock = cluster::Cluster::Clock;
  asio::awaitable<std::optional<Error>> know_the_map(Clock::time_point deadline);
  std::shared_ptr<Impl> pool_of(const std::string& key);
  void drop_pools_of_nodes_gone();

  const asio::any_io_executor executor_;
  const PoolOptions pool_options_;
  const std::shared_ptr<cluster::Cluster> cluster_;  ///< for its map of slots
  std::map<HostPort, std::shared_ptr<Impl>> pools_;
  PoolStats gone_;  ///< counts of pools closed since
  bool doubtful_ = true;
  bool closing_ = false;
};

}  // namespace inkwell::redis

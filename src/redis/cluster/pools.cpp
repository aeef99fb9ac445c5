#include "redis/cluster/pools.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/random.hpp"
#include "redis/cluster/key_slot.hpp"
#include "redis/topology.hpp"

namespace inkwell::redis {
namespace {

using namespace std::chrono_literals;

constexpr auto kPause = 50ms;  // between two looks at the map while its master refuses

Error closed() { return {ErrorKind::cancelled, "redis_closed", "The Redis pool is closed."}; }

void add(PoolStats& sum, const PoolStats& one) {
  for (const auto field : {&PoolStats::open, &PoolStats::idle, &PoolStats::waiting}) sum.*field += one.*field;
  for (const auto field : {&PoolStats::opened, &PoolStats::failures, &PoolStats::discarded, &PoolStats::reaped,
                           &PoolStats::waits, &PoolStats::timeouts})
    sum.*field += one.*field;
  sum.waited += one.waited;
}

}  // namespace

Pool::OnCluster::OnCluster(asio::any_io_executor executor, Options options, PoolOptions pool_options)
    : executor_(std::move(executor)),
      pool_options_(pool_options),
      cluster_(std::make_shared<cluster::Cluster>(executor_, untracked(std::move(options)))) {}

asio::awaitable<Result<Pool::OnCluster::Found>> Pool::OnCluster::pool_for(std::string key) {
  const auto self = shared_from_this();
  const auto deadline = Clock::now() + pool_options_.wait_timeout;
  asio::steady_timer pause(executor_);
  for (;;) {
    if (closing_) co_return std::unexpected(closed());
    auto failure = co_await know_the_map(deadline);
    if (const auto pool = failure ? nullptr : pool_of(key)) {
      auto slot = co_await pool->take();
      if (slot) co_return Found(pool, std::move(*slot));
      if (slot.error().kind() != ErrorKind::unavailable) co_return std::unexpected(std::move(slot.error()));
      failure = std::move(slot.error());
    }
    doubtful_ = true;
    if (closing_) co_return std::unexpected(closed());
    if (Clock::now() + kPause >= deadline) {
      if (failure) co_return std::unexpected(std::move(*failure));
      co_return fail(ErrorKind::unavailable, "redis_clusterdown", "No node of the cluster serves the key's slot.",
                     "Look at CLUSTER INFO and CLUSTER NODES.");
    }
    pause.expires_after(kPause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<std::optional<Error>> Pool::OnCluster::know_the_map(Clock::time_point deadline) {
  if (!std::exchange(doubtful_, false)) co_return std::nullopt;
  auto failure = co_await cluster_->refresh(deadline);
  doubtful_ = doubtful_ || failure.has_value();
  if (!failure) drop_pools_of_nodes_gone();
  co_return failure;
}

std::shared_ptr<Pool::Impl> Pool::OnCluster::pool_of(const std::string& key) {
  HostPort at;
  if (key.empty()) {
    const auto masters = cluster_->masters();
    if (masters.empty()) return nullptr;
    at = masters[random_seed() % masters.size()];
  } else {
    const auto* const master = cluster_->master_of(cluster::key_slot(key));
    if (master == nullptr) return nullptr;
    at = *master;
  }
  auto& pool = pools_[at];
  if (!pool) {
    pool = std::make_shared<Impl>(executor_, cluster_->options_for(at), pool_options_);
    pool->on_doubt([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->doubtful_ = true;
    });
    pool->start();
  }
  return pool;
}

void Pool::OnCluster::drop_pools_of_nodes_gone() {
  const auto masters = cluster_->masters();
  std::erase_if(pools_, [&](const auto& entry) {
    if (std::ranges::find(masters, entry.first) != masters.end()) return false;
    entry.second->close();
    auto counts = entry.second->stats();
    counts.open = counts.idle = counts.waiting = 0;
    add(gone_, counts);
    return true;
  });
}

void Pool::OnCluster::close() {
  if (std::exchange(closing_, true)) return;
  for (const auto& [at, pool] : pools_) pool->close();
  cluster_->close(closed());
}

PoolStats Pool::OnCluster::stats() const noexcept {
  PoolStats sum = gone_;
  for (const auto& [at, pool] : pools_) add(sum, pool->stats());
  return sum;
}

}  // namespace inkwell::redis

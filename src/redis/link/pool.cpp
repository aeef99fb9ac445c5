#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include <inkwell/redis/pool.hpp>

#include "redis/cluster/pools.hpp"
#include "redis/link/pool_impl.hpp"

namespace inkwell::redis {

// ---- Lease ----

Pool::Lease::Lease(std::shared_ptr<Impl> pool, std::unique_ptr<Slot> slot)
    : pool_(std::move(pool)), slot_(std::move(slot)) {}
Pool::Lease::Lease(Lease&&) noexcept = default;
Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  if (slot_) pool_->give_back(std::move(slot_));
  pool_ = std::move(other.pool_);
  slot_ = std::move(other.slot_);
  return *this;
}
Pool::Lease::~Lease() {
  if (slot_) pool_->give_back(std::move(slot_));
}

asio::awaitable<Result<Reply>> Pool::Lease::execute(Request request, CallOptions options) {
  if (request.size() != 1) throw std::logic_error("redis::Pool::Lease::execute takes a request of exactly one command");
  auto answers = co_await execute_all(std::move(request), options);
  co_return std::move(answers.front());
}

asio::awaitable<std::vector<Result<Reply>>> Pool::Lease::execute_all(Request request, CallOptions options) {
  auto answers = co_await pool_->exchange(*slot_, std::move(request), options);
  co_return answers;
}

// ---- Pool ----

Pool::Pool(asio::any_io_executor executor, Options options, PoolOptions pool_options)
    : command_timeout_(options.command_timeout) {
  if (options.endpoint.topology == Topology::cluster) {
    cluster_ = std::make_shared<OnCluster>(std::move(executor), std::move(options), pool_options);
    return;
  }
  impl_ = std::make_shared<Impl>(std::move(executor), std::move(options), pool_options);
  impl_->start();
}

Pool::~Pool() {
  if (impl_) impl_->close();
  if (cluster_) cluster_->close();
}

asio::awaitable<Result<Pool::Lease>> Pool::acquire(std::string_view key) {
  auto impl = impl_;
  if (cluster_) {
    auto found = co_await cluster_->pool_for(std::string(key));
    if (!found) co_return std::unexpected(std::move(found.error()));
    co_return Lease(std::move(found->pool), std::move(found->slot));
  }
  auto slot = co_await impl->take();
  if (!slot) co_return std::unexpected(std::move(slot.error()));
  co_return Lease(std::move(impl), std::move(*slot));
}

asio::awaitable<void> Pool::close() {
  if (cluster_) {
    const auto cluster = cluster_;
    cluster->close();
    co_await asio::post(cluster->executor(), asio::use_awaitable);
    co_return;
  }
  const auto impl = impl_;
  impl->close();
  co_await asio::post(impl->executor(), asio::use_awaitable);
}

PoolStats Pool::stats() const noexcept { return cluster_ ? cluster_->stats() : impl_->stats(); }

}  // namespace inkwell::redis

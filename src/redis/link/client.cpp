// Client: a Link that reconnects, with what callers see of it.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include <inkwell/redis/client.hpp>

#include "redis/cluster/cluster.hpp"
#include "redis/link/encoded.hpp"
#include "redis/link/link.hpp"

namespace inkwell::redis {

namespace {

Error closed() { return {ErrorKind::cancelled, "redis_closed", "The Redis client is closed."}; }

asio::awaitable<Result<Reply>> by_link(link::Link& link, Request request, CallOptions options) {
  link::Call call(std::move(request).wire(), 1, options.idempotent);
  if (!link.ask(call, options.timeout)) co_return std::move(call.single);
  auto answered = link.wait(call);
  co_await std::move(answered);  // NOLINT(performance-move-const-arg): trivially copyable with GCC's libstdc++ only
  co_return std::move(call.single);
}

asio::awaitable<std::vector<Result<Reply>>> all_by_link(link::Link& link, Request request, CallOptions options) {
  const auto commands = static_cast<std::uint32_t>(request.size());
  if (commands == 0) co_return std::vector<Result<Reply>>();
  link::Call call(std::move(request).wire(), commands, options.idempotent);
  if (!link.ask(call, options.timeout)) co_return call.take_answers();
  auto answered = link.wait(call);
  co_await std::move(answered);  // NOLINT(performance-move-const-arg): trivially copyable with GCC's libstdc++ only
  co_return call.take_answers();
}

using ClusterPtr = std::shared_ptr<cluster::Cluster>;

asio::awaitable<Result<Reply>> by_cluster(ClusterPtr cluster, Request request, CallOptions options) {
  auto answer = co_await cluster->execute(std::move(request).wire(), options);
  co_return answer;
}

asio::awaitable<std::vector<Result<Reply>>> all_by_cluster(ClusterPtr cluster, Request request, CallOptions options) {
  const std::size_t commands = request.size();
  if (commands == 0) co_return std::vector<Result<Reply>>();
  auto answers = co_await cluster->execute_all(std::move(request).wire(), commands, options);
  co_return answers;
}

}  // namespace

/// One of the two.
class Client::Impl {
 public:
  Impl(const asio::any_io_executor& executor, const Options& options) {
    if (options.endpoint.topology == Topology::cluster) {
      cluster = std::make_shared<cluster::Cluster>(executor, options);
      cluster->start();
    } else {
      link = std::make_shared<link::Link>(executor, options, link::Link::Policy());
      link->start();
    }
  }
  void close() const {
    if (link) link->close(closed());
    if (cluster) cluster->close(closed());
  }
  const asio::any_io_executor& executor() const { return link ? link->executor() : cluster->executor(); }

  std::shared_ptr<link::Link> link;
  std::shared_ptr<cluster::Cluster> cluster;
};

Client::Client(const asio::any_io_executor& executor, const Options& options)
    : impl_(std::make_shared<Impl>(executor, options)) {}

Client::~Client() { impl_->close(); }

// Not coroutines themselves: a frame that has room for the cluster's way too would be too large for Asio to use again,
// and each command would cost an allocation.
asio::awaitable<Result<Reply>> Client::execute(Request request, CallOptions options) {
  if (request.size() != 1) throw std::logic_error("redis::Client::execute takes a request of exactly one command");
  if (!impl_->link) [[unlikely]]
    return by_cluster(impl_->cluster, std::move(request), options);
  return by_link(*impl_->link, std::move(request), options);
}

asio::awaitable<std::vector<Result<Reply>>> Client::execute_all(Request request, CallOptions options) {
  if (!impl_->link) [[unlikely]]
    return all_by_cluster(impl_->cluster, std::move(request), options);
  return all_by_link(*impl_->link, std::move(request), options);
}

asio::awaitable<Result<Reply>> Client::run(const Script& script, std::vector<std::string> keys,
                                           std::vector<std::string> arguments, CallOptions options) {
  Request by_digest("EVALSHA", script.digest(), keys.size(), keys, arguments);
  auto answer = co_await execute(std::move(by_digest), options);
  if (answer || answer.error().code() != "redis_noscript") co_return answer;
  // The server has never had this script or has lost it; nothing was applied. EVAL loads it and runs it in one step, so
  // that no SCRIPT FLUSH and no failover can come between.
  Request by_source("EVAL", script.source(), keys.size(), keys, arguments);
  co_return co_await execute(std::move(by_source), options);
}

asio::awaitable<std::vector<Result<Reply>>> Client::execute_tracked(Request request, CallOptions options) {
  options.idempotent = true;
  if (!impl_->link) {
    const auto cluster = impl_->cluster;
    const std::size_t commands = request.size();
    auto tracked = co_await cluster->execute_tracked(std::move(request).wire(), commands, options);
    co_return tracked;
  }
  if (impl_->link->options().tracking.mode != Tracking::Mode::opted) {
    co_return co_await execute_all(std::move(request), options);
  }
  Request opted = link::opted_in(request);
  auto answers = co_await execute_all(std::move(opted), options);
  // Every other answer is CLIENT CACHING's.
  for (std::size_t i = 0; 2 * i + 1 < answers.size(); ++i) answers[i] = std::move(answers[2 * i + 1]);
  answers.erase(answers.begin() + static_cast<std::ptrdiff_t>(answers.size() / 2), answers.end());
  co_return answers;
}

const std::shared_ptr<Invalidations>& Client::invalidations() const noexcept {
  return impl_->link ? impl_->link->invalidations() : impl_->cluster->invalidations();
}

asio::awaitable<void> Client::close() {
  auto impl = impl_;
  impl->close();
  co_await asio::post(impl->executor(), asio::use_awaitable);  // behind the turn that answers the waiting callers
}

std::vector<HostPort> Client::masters() const {
  return impl_->cluster ? impl_->cluster->masters() : std::vector<HostPort>();
}
bool Client::connected() const noexcept { return impl_->link ? impl_->link->ready() : impl_->cluster->connected(); }
ClientStats Client::stats() const noexcept { return impl_->link ? impl_->link->stats() : impl_->cluster->stats(); }
asio::any_io_executor Client::get_executor() const noexcept { return impl_->executor(); }

}  // namespace inkwell::redis

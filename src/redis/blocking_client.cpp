#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <stdexcept>
#include <thread>

#include <inkwell/redis/blocking_client.hpp>

#include "base/asio.hpp"

namespace inkwell::redis {
namespace {

asio::awaitable<ClientStats> stats_of(const Client& client) { co_return client.stats(); }

}  // namespace

// The client is made and destroyed while no other thread runs the loop: before
// its thread starts, after it is joined.
class BlockingClient::Impl {
 public:
  explicit Impl(const Options& options)
      : work_(asio::make_work_guard(io_)), client_(io_.get_executor(), options), thread_([this] { io_.run(); }) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    wait(client_.close());
    work_.reset();
    io_.stop();
    thread_.join();
  }

  /// Runs `task` on the client's thread.
  template <class T>
  T wait(asio::awaitable<T> task) {
    if (std::this_thread::get_id() == thread_.get_id()) {
      throw std::logic_error(
          "redis::BlockingClient was called on its own "
          "thread, which would wait for itself");
    }
    return asio::co_spawn(io_, std::move(task), asio::use_future).get();
  }
  Client& client() noexcept { return client_; }

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  Client client_;
  std::thread thread_;
};

BlockingClient::BlockingClient(const Options& options) : impl_(std::make_unique<Impl>(options)) {}
BlockingClient::~BlockingClient() = default;

Result<Reply> BlockingClient::execute(Request request, CallOptions options) {
  return impl_->wait(impl_->client().execute(std::move(request), options));
}

std::vector<Result<Reply>> BlockingClient::execute_all(Request request, CallOptions options) {
  return impl_->wait(impl_->client().execute_all(std::move(request), options));
}

Result<Reply> BlockingClient::run(const Script& script, std::vector<std::string> keys,
                                  std::vector<std::string> arguments, CallOptions options) {
  return impl_->wait(impl_->client().run(script, std::move(keys), std::move(arguments), options));
}

ClientStats BlockingClient::stats() const { return impl_->wait(stats_of(impl_->client())); }

}  // namespace inkwell::redis

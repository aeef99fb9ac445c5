#include <inkwell/redis/client.hpp>

#include "redis/link/client_impl.hpp"
#include "redis/link/server_error.hpp"

namespace inkwell::redis {

using boost::asio::awaitable;

Client::Client(boost::asio::any_io_executor executor, Options options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {
  impl_->start();
}

Client::~Client() = default;

awaitable<Result<Reply>> Client::execute(Request request, CallOptions options) {
  if (request.size() != 1) throw std::logic_error("redis::Client::execute takes a request of exactly one command");
  auto answers = co_await impl_->execute(std::move(request), options);
  co_return std::move(answers.front());
}

awaitable<std::vector<Result<Reply>>> Client::execute_all(Request request, CallOptions options) {
  return impl_->execute(std::move(request), options);
}

awaitable<Result<Reply>> Client::run(const Script& script, std::vector<std::string> keys,
                                     std::vector<std::string> arguments, CallOptions options) {
  Request by_digest("EVALSHA", script.digest(), keys.size(), keys, arguments);
  auto answer = co_await execute(std::move(by_digest), options);
  if (answer || answer.error().code() != "redis_noscript") co_return answer;
  // The server has lost its scripts or never had this one. EVAL loads and runs it in one step, so no flush can come
  // between.
  Request by_source("EVAL", script.source(), keys.size(), keys, arguments);
  co_return co_await execute(std::move(by_source), options);
}

awaitable<void> Client::close() { return impl_->close(); }
bool Client::connected() const noexcept { return impl_->connected(); }
ClientStats Client::stats() const noexcept { return impl_->stats(); }
boost::asio::any_io_executor Client::get_executor() const noexcept { return impl_->executor(); }

}  // namespace inkwell::redis

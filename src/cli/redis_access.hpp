// RedisAccess: how a command other than `serve` reaches Redis: the configured one, or the private one of the `inkwell
// serve` that runs on the data directory. Owns a loop and a client on it; one thread.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <inkwell/redis/client.hpp>

#include "base/asio.hpp"
#include "config/load.hpp"

namespace inkwell::cli {

class RedisAccess {
 public:
  /// Finds the address; nothing is connected yet. Failures: bad_value; redis_not_running when no Redis is configured
  /// and no server runs on the data directory.
  static Result<RedisAccess> find(const config::Loaded& loaded, const std::vector<std::string>& environment);

  const redis::Options& options() const noexcept { return options_; }
  bool embedded() const noexcept { return embedded_; }

  /// Runs `use(client)` to its end on the calling thread.
  template <class T>
  Result<T> with(asio::awaitable<Result<T>> (*use)(redis::Client& client, const config::Loaded& loaded),
                 const config::Loaded& loaded) {
    asio::io_context io(1);
    redis::Client client(io.get_executor(), options_);
    std::optional<Result<T>> outcome;
    std::exception_ptr bug;
    asio::co_spawn(io, run(client, use, loaded, outcome), [&bug](std::exception_ptr error) { bug = error; });
    io.run();
    if (bug) std::rethrow_exception(bug);
    return std::move(*outcome);
  }

 private:
  RedisAccess(redis::Options options, bool embedded) : options_(std::move(options)), embedded_(embedded) {}

  template <class T>
  static asio::awaitable<void> run(redis::Client& client,
                                   asio::awaitable<Result<T>> (*use)(redis::Client&, const config::Loaded&),
                                   const config::Loaded& loaded, std::optional<Result<T>>& outcome) {
    auto result = co_await use(client, loaded);
    outcome.emplace(std::move(result));
    co_await client.close();
  }

  redis::Options options_;
  bool embedded_ = false;
};

}  // namespace inkwell::cli

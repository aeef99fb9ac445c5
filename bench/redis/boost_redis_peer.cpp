// Boost.Redis, from a checkout (INKWELL_BENCH_BOOST_REDIS): coroutine callers on one connection, as with ours.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/redis/connection.hpp>
#include <boost/redis/src.hpp>
#include <memory>

#include "redis/measure.hpp"

namespace inkwell::redis::bench {
namespace {

namespace asio = boost::asio;
namespace peer = boost::redis;
using Connection = std::shared_ptr<peer::connection>;

asio::awaitable<void> caller(Connection connection, const Task& task, Stopwatch& watch, std::size_t& left) {
  peer::request get;
  get.push("GET", task.key);
  for (unsigned i = 0;; ++i) {
    const bool timed = i % kTimedEvery == 0;
    const auto before = timed ? Clock::now() : Clock::time_point();
    peer::response<std::string> answer;
    co_await connection->async_exec(get, answer, asio::use_awaitable);
    if (std::get<0>(answer).value().size() != task.size) give_up("Boost.Redis answered wrongly");
    if (timed) watch.took(Clock::now() - before);
    if (!watch.more()) break;
  }
  if (--left == 0) connection->cancel();
}

}  // namespace

Measured measure_boost_redis(const Task& task) {
  asio::io_context io(1);
  peer::config config;
  config.addr.host = task.endpoint.host;
  config.addr.port = std::to_string(task.endpoint.port);
  config.health_check_interval = std::chrono::seconds::zero();
  const auto connection = std::make_shared<peer::connection>(io.get_executor());
  connection->async_run(config, {peer::logger::level::crit}, [connection](boost::system::error_code) {});
  Stopwatch watch(task.seconds);
  std::size_t left = task.callers;
  for (std::size_t i = 0; i < task.callers; ++i) {
    asio::co_spawn(io, caller(connection, task, watch, left), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
  }
  io.run();
  return watch.result();
}

}  // namespace inkwell::redis::bench

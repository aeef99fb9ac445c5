#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ranges>
#include <stdexcept>

#include <inkwell/redis/blocking_read.hpp>

#include "base/asio.hpp"

namespace inkwell::redis {
namespace {

using namespace std::chrono_literals;

constexpr auto kPause = 50ms;  // before a read is tried again
// After a failover the nodes of a cluster agree only some hundred milliseconds later on who serves a slot.
constexpr auto kMovesWithin = 5s;
constexpr auto kMovePause = 20ms;

double seconds(std::chrono::milliseconds block) { return std::chrono::duration<double>(std::max(block, 1ms)).count(); }

}  // namespace

asio::awaitable<Result<Reply>> execute_blocking(Pool& pool, std::string key, Request request,
                                                std::chrono::milliseconds block) {
  const CallOptions options{.timeout = std::max(block, 0ms) + pool.command_timeout(), .idempotent = false};
  const auto moves_end = std::chrono::steady_clock::now() + kMovesWithin;
  asio::steady_timer pause(co_await asio::this_coro::executor);
  for (;;) {
    auto lease = co_await pool.acquire(key);
    if (!lease) co_return std::unexpected(std::move(lease.error()));
    Request copy = request;
    auto answer = co_await lease->execute(std::move(copy), options);
    const bool moved = !answer && answer.error().code() == "redis_moved";
    if (!moved || std::chrono::steady_clock::now() >= moves_end) co_return answer;
    pause.expires_after(kMovePause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<Result<std::optional<std::pair<std::string, std::string>>>> pop(Pool& pool,
                                                                                std::vector<std::string> keys,
                                                                                Side side,
                                                                                std::chrono::milliseconds block) {
  if (keys.empty()) throw std::logic_error("redis::pop needs a key");
  // A timeout of 0 means forever to the server.
  Request request(side == Side::left ? "BLPOP" : "BRPOP", keys, seconds(block));
  auto answer = co_await execute_blocking(pool, keys.front(), std::move(request), block);
  co_return decode<std::optional<std::pair<std::string, std::string>>>(answer);
}

asio::awaitable<Result<std::optional<std::pair<std::string, std::string>>>> pop(Pool& pool, std::string key, Side side,
                                                                                std::chrono::milliseconds block) {
  std::vector<std::string> keys;
  keys.push_back(std::move(key));
  return pop(pool, std::move(keys), side, block);
}

StreamReader::StreamReader(Pool& pool, std::map<std::string, std::string> cursors, StreamReaderOptions options)
    : pool_(pool), cursors_(std::move(cursors)), options_(options) {
  if (cursors_.empty()) throw std::logic_error("redis::StreamReader needs a stream");
}

asio::awaitable<Result<StreamReader::Entries>> StreamReader::next(std::chrono::milliseconds block) {
  const auto deadline = Clock::now() + block;
  asio::steady_timer pause(co_await asio::this_coro::executor);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    auto entries = co_await read(left);
    // Reading again is safe: a cursor moves only with what has been read.
    if (entries || entries.error().kind() != ErrorKind::unavailable || Clock::now() + kPause >= deadline)
      co_return entries;
    pause.expires_after(kPause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

Request StreamReader::request(std::chrono::milliseconds block) const {
  std::vector<std::string_view> arguments;
  for (const auto& stream : cursors_ | std::views::keys) arguments.emplace_back(stream);
  for (const auto& cursor : cursors_ | std::views::values) arguments.emplace_back(cursor);
  if (block <= 0ms) return Request("XREAD", "COUNT", options_.count, "STREAMS", arguments);
  return Request("XREAD", "COUNT", options_.count, "BLOCK", block.count(), "STREAMS", arguments);
}

asio::awaitable<Result<StreamReader::Entries>> StreamReader::read(std::chrono::milliseconds block) {
  auto answer = co_await execute_blocking(pool_, cursors_.begin()->first, request(block), block);
  auto entries = decode<std::optional<Entries>>(answer);
  if (!entries) co_return std::unexpected(std::move(entries.error()));
  if (!*entries) co_return Entries();
  for (const auto& [stream, read] : **entries) cursors_[stream] = read.back().id;
  co_return std::move(**entries);
}

}  // namespace inkwell::redis

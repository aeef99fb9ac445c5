#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <inkwell/redis/transaction.hpp>

#include "base/asio.hpp"

namespace inkwell::redis {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// After a failover the nodes of a cluster agree only some hundred milliseconds later on who serves a slot.
constexpr auto kMovesWithin = 5s;
constexpr auto kMovePause = 20ms;

/// Null: a watched key was changed.
using Outcome = Result<std::optional<Reply>>;

// Where a command was refused when it was queued, that says more than EXECABORT does.
Error why_not(std::vector<Result<Reply>>& answers) {
  if (answers.back().error().code() == "redis_execabort") {
    const auto refused = std::ranges::find_if(answers, [](const auto& answer) { return !answer; });
    return std::move(refused->error());
  }
  return std::move(answers.back().error());
}

asio::awaitable<Outcome> apply(Pool::Lease& lease, Request commands, CallOptions options) {
  const std::size_t count = commands.size();
  Request whole("MULTI");
  whole.add_all(commands).add("EXEC");
  auto answers = co_await lease.execute_all(std::move(whole), options);
  if (answers.size() != count + 2) co_return fail(ErrorKind::internal, "redis_transaction", "Answers are missing.");
  if (!answers.back()) co_return std::unexpected(why_not(answers));
  if (answers.back()->view().is_null()) co_return std::optional<Reply>();
  co_return std::optional<Reply>(std::move(*answers.back()));
}

Reply nothing() {
  Node none;
  none.type = Type::array;
  return Reply(none, SharedBytes(), nullptr);
}

// One attempt, on a connection of its own: one that was left half-way is closed, and with it forgets what it watched.
asio::awaitable<Outcome> try_once(Pool& pool, const std::vector<std::string>& keys, const Attempt& attempt,
                                  CallOptions options) {
  auto lease = co_await pool.acquire(keys.empty() ? std::string_view() : std::string_view(keys.front()));
  if (!lease) co_return std::unexpected(std::move(lease.error()));
  if (!keys.empty()) {
    Request watch("WATCH", keys);
    auto watched = co_await lease->execute(std::move(watch), options);
    if (!watched) co_return std::unexpected(std::move(watched.error()));
  }
  auto commands = co_await attempt(*lease);
  if (commands && !commands->empty()) {
    auto outcome = co_await apply(*lease, std::move(*commands), options);
    co_return outcome;
  }
  if (!keys.empty()) {
    Request unwatch("UNWATCH");
    co_await lease->execute(std::move(unwatch), options);  // only so that the connection can be lent again
  }
  if (!commands) co_return std::unexpected(std::move(commands.error()));
  co_return std::optional<Reply>(nothing());
}

}  // namespace

asio::awaitable<Result<Reply>> transact(Pool& pool, std::vector<std::string> keys, Attempt attempt,
                                        TransactionOptions options) {
  const CallOptions call{.timeout = options.timeout, .idempotent = false};
  const auto moves_end = Clock::now() + kMovesWithin;
  asio::steady_timer pause(co_await asio::this_coro::executor);
  for (unsigned conflicts = 0; conflicts < std::max(options.attempts, 1U);) {
    auto outcome = co_await try_once(pool, keys, attempt, call);
    if (outcome && *outcome) co_return std::move(**outcome);
    if (outcome) {
      ++conflicts;
      continue;
    }
    if (outcome.error().code() != "redis_moved" || Clock::now() >= moves_end)
      co_return std::unexpected(std::move(outcome.error()));
    pause.expires_after(kMovePause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return fail(ErrorKind::conflict, "redis_transaction_conflict",
                 "The keys were changed by others during each of " + std::to_string(options.attempts) + " attempts.",
                 "Raise the number of attempts, or do it in a script, which nothing can come between.");
}

asio::awaitable<Result<Reply>> apply_together(Pool& pool, std::string key, Request request,
                                              TransactionOptions options) {
  const CallOptions call{.timeout = options.timeout, .idempotent = false};
  if (request.empty()) co_return nothing();
  auto lease = co_await pool.acquire(key);
  if (!lease) co_return std::unexpected(std::move(lease.error()));
  auto outcome = co_await apply(*lease, std::move(request), call);
  if (!outcome) co_return std::unexpected(std::move(outcome.error()));
  if (!*outcome)
    co_return fail(ErrorKind::internal, "redis_transaction", "EXEC had no answer though nothing is watched.");
  co_return std::move(**outcome);
}

}  // namespace inkwell::redis

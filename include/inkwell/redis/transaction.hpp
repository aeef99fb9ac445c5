// transact: WATCH, read, decide, MULTI ... EXEC, and again from the start whenever a watched key was changed in between
// (https://redis.io/docs/latest/develop/interact/transactions/).
//
//   const Attempt move_all = [](Pool::Lease& redis) -> awaitable<Result<Request>> {
//     Request get("GET", "from");
//     auto balance = decode<int>(co_await redis.execute(std::move(get)));
//     if (!balance) co_return std::unexpected(balance.error());
//     co_return Request("DECRBY", "from", *balance).add("INCRBY", "to", *balance);
//   };
//   std::vector<std::string> watched{"from", "to"};  // named: GCC 12 takes no braces within a co_await
//   auto moved = co_await transact(pool, watched, move_all);
//   auto both = decode<std::pair<int, int>>(moved);
//
// The commands are applied together or not at all. A transaction whose EXEC got no answer ends with an Error that
// outcome_unknown(); everything else that fails has applied nothing. It is never sent twice.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include <inkwell/redis/pool.hpp>

namespace inkwell::redis {

struct TransactionOptions {
  unsigned attempts = 32;                ///< then ErrorKind::conflict ("redis_transaction_conflict")
  std::chrono::milliseconds timeout{0};  ///< of each step on the connection; zero means Options::command_timeout
};

/// What one attempt is: it reads over the connection that watches the keys and gives the commands to apply. None:
/// nothing to do, which ends the transaction with an empty array. An Error ends it with that error. Called once an
/// attempt, so it must not have effects of its own.
using Attempt = std::function<boost::asio::awaitable<Result<Request>>(Pool::Lease&)>;

/// Watches `keys` (none: nothing is watched, there is one attempt) and runs attempts until one is applied. The answer
/// is EXEC's: an array with an answer a command. An answer may be an error of its own command (View::is_error()),
/// which does not undo the others. On a cluster all keys, those of the commands too, must be of one slot, and at least
/// one must be named in `keys`. `attempt` and `pool` must live until it ends. Cancelling it closes the connection,
/// after which the outcome is unknown if EXEC had been sent.
boost::asio::awaitable<Result<Reply>> transact(Pool& pool, std::vector<std::string> keys, Attempt attempt,
                                               TransactionOptions options = {});

/// The commands of `request` together or not at all, without watching anything; otherwise as transact().
boost::asio::awaitable<Result<Reply>> apply_together(Pool& pool, std::string key, Request request,
                                                     TransactionOptions options = {});

}  // namespace inkwell::redis

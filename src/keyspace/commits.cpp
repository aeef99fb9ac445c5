#include "keyspace/commits.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <numeric>
#include <utility>

namespace inkwell::keyspace {
namespace {

constexpr std::size_t kMostInBatch = 256;
constexpr std::size_t kMostBytesInBatch = 4U << 20;

std::size_t bytes_of(const std::vector<std::string>& words) {
  return std::accumulate(words.begin(), words.end(), std::size_t{0},
                         [](std::size_t sum, const std::string& word) { return sum + word.size(); });
}

Error closing() {
  return {ErrorKind::cancelled, "redis_closed", "The link to Redis was closed before the write was confirmed.",
          "Try again on a server that is not shutting down."};
}

}  // namespace

/// One write, from its call to its answer.
struct Commits::Write {
  Write(const asio::any_io_executor& executor, const redis::Script& of) : script(&of), done(executor) {}

  const redis::Script* script;
  std::vector<std::string> keys;
  std::vector<std::string> arguments;
  redis::CallOptions options;
  std::size_t bytes = 0;
  bool by_source = false;  ///< the server has said that it doesn't know the script
  bool sent = false;
  std::optional<Result<redis::Reply>> result;
  asio::steady_timer done;  ///< its expiry is the caller's deadline; cancelled when there is a result

  void add_to(redis::Request& request) const {
    if (by_source) {
      request.add("EVAL", script->source(), keys.size(), keys, arguments);
    } else {
      request.add("EVALSHA", script->digest(), keys.size(), keys, arguments);
    }
  }
};

Commits::Commits(const asio::any_io_executor& executor, const redis::Options& link, Acknowledgement level)
    : executor_(executor),
      level_(level),
      cluster_(link.endpoint.topology == redis::Topology::cluster),
      deadline_(link.command_timeout + level.timeout),
      most_waiting_(link.max_queued_requests),
      client_(executor, link),
      gate_(executor) {}

Commits::~Commits() = default;

// NOLINTNEXTLINE(performance-unnecessary-value-param): a coroutine's parameter
asio::awaitable<Result<redis::Reply>> Commits::run(const redis::Script& script, std::vector<std::string> keys,
                                                   std::vector<std::string> arguments, redis::CallOptions options) {
  if (closed_) co_return std::unexpected(closing());
  auto write = std::make_shared<Write>(executor_, script);
  write->bytes = bytes_of(keys) + bytes_of(arguments);
  write->keys = std::move(keys);
  write->arguments = std::move(arguments);
  write->options = options;
  if (cluster_) co_return co_await run_alone(std::move(write));
  if (waiting_.size() >= most_waiting_) {
    co_return fail(ErrorKind::overloaded, "redis_overloaded",
                   fmt::format("{} writes wait to be confirmed already.", waiting_.size()), "Try again later.");
  }
  // The batch under way, then its own.
  write->done.expires_after(2 * deadline_);
  waiting_.push_back(write);
  if (!sending_) {
    sending_ = true;
    gate_.spawn("commits", send_all());
  }
  if (!write->result) co_await write->done.async_wait(asio::as_tuple(asio::use_awaitable));
  if (write->result) co_return std::move(*write->result);
  const bool in_time = std::chrono::steady_clock::now() < write->done.expiry();
  Error error(in_time ? ErrorKind::cancelled : ErrorKind::deadline_exceeded,
              in_time ? "redis_cancelled" : "redis_timeout",
              "The write was not confirmed before its caller's time was up.", "Try again.");
  if (write->sent) co_return std::unexpected(std::move(error).with_unknown_outcome());
  std::erase(waiting_, write);
  co_return std::unexpected(std::move(error));
}

asio::awaitable<void> Commits::send_all() {
  while (!waiting_.empty()) {
    const Writes batch = take_batch();
    auto request = request_of(batch);
    const auto call = call_of(*batch.front());
    ++stats_.waits;
    auto replies = co_await client_.execute_all(std::move(request), call);
    const Writes again = settle(batch, std::move(replies));
    waiting_.insert(waiting_.begin(), again.begin(), again.end());
  }
  sending_ = false;
}

// Writes that may be sent again after a loss and those that may not don't share a batch: it is sent again as a whole.
Commits::Writes Commits::take_batch() {
  Writes batch;
  std::size_t bytes = 0;
  const bool idempotent = waiting_.front()->options.idempotent;
  while (!waiting_.empty() && batch.size() < kMostInBatch) {
    auto& next = waiting_.front();
    bytes += next->bytes;
    if (next->options.idempotent != idempotent || (!batch.empty() && bytes > kMostBytesInBatch)) break;
    next->sent = true;
    batch.push_back(std::move(next));
    waiting_.pop_front();
  }
  return batch;
}

redis::Request Commits::request_of(const Writes& batch) const {
  redis::Request request;
  for (const auto& write : batch) write->add_to(request);
  if (level_.append_only_file) {
    request.add("WAITAOF", 1, level_.replicas, level_.timeout.count());
  } else {
    request.add("WAIT", level_.replicas, level_.timeout.count());
  }
  return request;
}

redis::CallOptions Commits::call_of(const Write& first) const {
  redis::CallOptions call = first.options;
  call.timeout = deadline_;
  return call;
}

/// Answers the writes of a batch. Returns those to send again with their source, because the server has no such script
/// and has applied nothing.
Commits::Writes Commits::settle(const Writes& batch, Replies replies) {
  Writes again;
  const auto missing = shortfall(replies.back());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    auto& write = *batch[i];
    auto& reply = replies[i];
    if (!reply && reply.error().code() == "redis_noscript" && !write.by_source) {
      write.by_source = true;
      again.push_back(batch[i]);
    } else if (reply && missing) {
      ++stats_.unconfirmed;
      end(write, std::unexpected(*missing));
    } else {
      stats_.confirmed += reply ? 1 : 0;
      end(write, std::move(reply));
    }
  }
  return again;
}

asio::awaitable<Result<redis::Reply>> Commits::run_alone(std::shared_ptr<Write> write) {
  const Writes batch(1, write);
  while (!write->result) {
    auto request = request_of(batch);
    const auto call = call_of(*write);
    ++stats_.waits;
    auto replies = co_await client_.execute_all(std::move(request), call);
    settle(batch, std::move(replies));
  }
  co_return std::move(*write->result);
}

/// What a wait's answer lacks.
std::optional<Error> Commits::shortfall(const Result<redis::Reply>& wait) const {
  const auto unconfirmed = [](ErrorKind kind, const std::string& why, std::string remedy) {
    Error error(kind, "redis_unconfirmed", "The write was applied, but " + why, std::move(remedy));
    return std::move(error).with_unknown_outcome();
  };
  const bool file = level_.append_only_file;
  if (!wait) {
    const bool gone = wait.error().kind() == ErrorKind::cancelled;
    return unconfirmed(gone ? ErrorKind::cancelled : ErrorKind::unavailable,
                       "its confirmation failed: " + wait.error().message(),
                       file ? "Retry it with the same idempotency key; redis.wait_append_only_file needs Redis 7.2."
                            : "Retry it with the same idempotency key.");
  }
  const auto view = wait->view();
  const auto replicas = file ? view[1].integer().value_or(0) : view.integer().value_or(0);
  const bool written = !file || view[0].integer().value_or(0) > 0;
  if (written && replicas >= level_.replicas) return std::nullopt;
  return unconfirmed(ErrorKind::unavailable,
                     fmt::format("only {} of {} replicas confirmed it within {} ms{}.", replicas, level_.replicas,
                                 level_.timeout.count(), written ? "" : ", and the append-only file did not"),
                     "Retry it with the same idempotency key when the replicas are back.");
}

void Commits::end(Write& write, Result<redis::Reply> result) {
  write.result.emplace(std::move(result));
  write.done.cancel();
}

asio::awaitable<void> Commits::close() {
  closed_ = true;
  co_await client_.close();  // answers what is under way
  for (const auto& write : std::exchange(waiting_, {})) end(*write, std::unexpected(closing()));
  co_await gate_.wait_until_empty();
}

}  // namespace inkwell::keyspace

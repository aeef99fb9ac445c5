#include "keyspace/store.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>

#include "base/random.hpp"
#include "inkwell_keyspace_texts.hpp"
#include "keyspace/commits.hpp"

namespace inkwell::keyspace {
namespace {

// Commands that change nothing. Whatever is not listed is refused: a new write command is then never let through by
// omission.
constexpr std::array<std::string_view, 22> kReads{"EXISTS", "GET",    "GETRANGE",    "HEXISTS", "HGET",   "HGETALL",
                                                  "HLEN",   "HMGET",  "PEXPIRETIME", "PTTL",    "STRLEN", "TTL",
                                                  "TYPE",   "XINFO",  "XLEN",        "XRANGE",  "XREAD",  "XREVRANGE",
                                                  "ZCARD",  "ZRANGE", "ZSCORE",      "MEMORY"};

void check_reads(std::string_view name) {
  if (std::ranges::find(kReads, name) == kReads.end()) {
    throw std::logic_error("keyspace::Store::read: " + std::string(name) + " is not a read command it knows");
  }
}

std::chrono::milliseconds jittered(Family family) {
  thread_local std::minstd_rand random{static_cast<std::minstd_rand::result_type>(random_seed())};
  return lifetime_with_jitter(family, std::uniform_real_distribution<double>(0.0, 1.0)(random));
}

}  // namespace

std::vector<std::string> Store::names_of(const std::vector<Key>& keys) {
  std::vector<std::string> names;
  names.reserve(keys.size());
  for (const auto& key : keys) {
    if (key.hash_tag() != keys.front().hash_tag()) {
      throw std::logic_error("keyspace::Store::run: the keys of one step must share a hash tag: " + keys.front().str() +
                             " and " + key.str());
    }
    names.push_back(key.str());
  }
  return names;
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): a coroutine's parameter
boost::asio::awaitable<Result<redis::Reply>> Store::run(const redis::Script& script, std::vector<Key> keys,
                                                        std::vector<std::string> arguments,
                                                        redis::CallOptions options) {
  return client_.run(script, names_of(keys), std::move(arguments), options);
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): a coroutine's parameter
boost::asio::awaitable<Result<redis::Reply>> Store::commit(const redis::Script& script, std::vector<Key> keys,
                                                           std::vector<std::string> arguments,
                                                           redis::CallOptions options) {
  if (commits_ == nullptr) return client_.run(script, names_of(keys), std::move(arguments), options);
  return commits_->run(script, names_of(keys), std::move(arguments), options);
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): a coroutine's parameter
boost::asio::awaitable<Result<redis::Reply>> Store::run_tracked(const redis::Script& script, std::vector<Key> keys,
                                                                std::vector<std::string> arguments) {
  const auto names = names_of(keys);
  redis::Request by_digest("EVALSHA", script.digest(), names.size(), names, arguments);
  auto answers = co_await client_.execute_tracked(std::move(by_digest));
  if (answers.front() || answers.front().error().code() != "redis_noscript") co_return std::move(answers.front());
  redis::Request by_source("EVAL", script.source(), names.size(), names, arguments);
  answers = co_await client_.execute_tracked(std::move(by_source));
  co_return std::move(answers.front());
}

boost::asio::awaitable<Result<redis::Reply>> Store::execute_read(std::string_view name, redis::Request request) {
  check_reads(name);
  return client_.execute(std::move(request), redis::CallOptions{.timeout = {}, .idempotent = true});
}

boost::asio::awaitable<std::vector<Result<redis::Reply>>> Store::get_all(const std::vector<Key>& keys,
                                                                         redis::CallOptions options, bool tracked) {
  redis::Request request;
  for (const auto& key : keys) request.add("GET", key.str());
  options.idempotent = true;
  if (tracked) return client_.execute_tracked(std::move(request), options);
  return client_.execute_all(std::move(request), options);
}

boost::asio::awaitable<std::vector<Result<redis::Reply>>> Store::read_all(const std::vector<Read>& reads,
                                                                          bool tracked) {
  redis::Request request;
  for (const auto& one : reads) {
    check_reads(one.name);
    request.add(one.name, one.key.str(), one.arguments);
  }
  if (tracked) return client_.execute_tracked(std::move(request));
  return client_.execute_all(std::move(request), redis::CallOptions{.timeout = {}, .idempotent = true});
}

boost::asio::awaitable<std::vector<Result<redis::Reply>>> Store::exists_all(const std::vector<Key>& keys) {
  redis::Request request;
  for (const auto& key : keys) request.add("EXISTS", key.str());
  return client_.execute_all(std::move(request), redis::CallOptions{.timeout = {}, .idempotent = true});
}

boost::asio::awaitable<std::vector<Result<redis::Reply>>> Store::read_hashes(
    const std::vector<Key>& keys, const std::vector<std::string_view>& fields) {
  redis::Request request;
  for (const auto& key : keys) {
    request.add("HMGET", key.str(), fields);
    request.add("PEXPIRETIME", key.str());
  }
  return client_.execute_all(std::move(request), redis::CallOptions{.timeout = {}, .idempotent = true});
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): a coroutine's parameter
boost::asio::awaitable<std::vector<Result<redis::Reply>>> Store::set_all(std::vector<Entry> entries,
                                                                         redis::CallOptions options, bool tracked) {
  redis::Request request;
  for (const auto& entry : entries) {
    const auto lifetime = entry.lifetime.value_or(jittered(entry.key.family()));
    request.add("SET", entry.key.str(), entry.value, "PX", std::max<std::int64_t>(lifetime.count(), 1));
  }
  options.idempotent = true;
  if (!tracked) co_return co_await client_.execute_all(std::move(request), options);
  // A read makes the server track the key (a write doesn't), in the same piece, behind the writes.
  for (const auto& entry : entries) request.add("STRLEN", entry.key.str());
  auto replies = co_await client_.execute_tracked(std::move(request), options);
  replies.erase(replies.begin() + static_cast<std::ptrdiff_t>(entries.size()), replies.end());
  co_return replies;
}

// SET with NX and GET (Redis 7.0): null when the lease was free and is now ours, else whose it is - also our own, where
// the first answer was lost and the command sent again. The value is read behind it: who gave a lease back had written
// the value before, so whoever gets the lease then sees the value.
// NOLINTNEXTLINE(performance-unnecessary-value-param): a coroutine's parameter
boost::asio::awaitable<std::vector<Store::Claim>> Store::claim_all(
    const std::vector<std::pair<Key, Key>>& leases_and_values, std::string holder, redis::CallOptions options) {
  redis::Request request;
  for (const auto& [lease, value] : leases_and_values) {
    request.add("SET", lease.str(), holder, "NX", "GET", "PX", rule(lease.family()).lifetime.count());
    request.add("GET", value.str());
  }
  const std::size_t count = leases_and_values.size();
  auto replies = co_await client_.execute_tracked(std::move(request), options);
  std::vector<Claim> claims(count);
  for (std::size_t i = 0; i < count && 2 * i + 1 < replies.size(); ++i) {
    const auto& lease = replies[2 * i];
    claims[i].held = lease && (lease->view().is_null() || lease->view().text() == holder);
    claims[i].value.emplace(std::move(replies[2 * i + 1]));
  }
  co_return claims;
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): a coroutine's parameter
boost::asio::awaitable<void> Store::release_all(const std::vector<Key>& leases, std::string holder,
                                                redis::CallOptions options) {
  redis::Request request;
  for (const auto& lease : leases) request.add("EVAL", scripts::kReleaseLease, 1, lease.str(), holder);
  options.idempotent = true;
  co_await client_.execute_all(std::move(request), options);
}

boost::asio::awaitable<std::vector<Result<redis::Reply>>> Store::extend_all(
    const std::vector<std::pair<Key, std::chrono::milliseconds>>& lifetimes, redis::CallOptions options) {
  redis::Request request;
  for (const auto& [key, lifetime] : lifetimes) request.add("PEXPIRE", key.str(), lifetime.count(), "GT");
  options.idempotent = true;
  return client_.execute_all(std::move(request), options);
}

boost::asio::awaitable<Result<bool>> Store::erase(const Key& key) {
  redis::Request request("UNLINK", key.str());
  const redis::CallOptions options{.timeout = {}, .idempotent = true};
  auto reply = co_await client_.execute(std::move(request), options);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  co_return reply->view().integer().value_or(0) > 0;
}

boost::asio::awaitable<Result<std::uint64_t>> Store::erase_all(const std::vector<Key>& keys) {
  redis::Request request;
  for (const auto& key : keys) request.add("UNLINK", key.str());
  const redis::CallOptions options{.timeout = {}, .idempotent = true};
  auto replies = co_await client_.execute_all(std::move(request), options);
  std::uint64_t erased = 0;
  for (auto& reply : replies) {
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    erased += static_cast<std::uint64_t>(reply->view().integer().value_or(0));
  }
  co_return erased;
}

}  // namespace inkwell::keyspace

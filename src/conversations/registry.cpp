#include "conversations/registry.hpp"

#include <fmt/format.h>
#include <random>

#include "base/random.hpp"
#include "conversations/steps.hpp"

namespace inkwell::conversations {
namespace {

using boost::asio::awaitable;
using redis::CallOptions;
using redis::Reply;

// One conversation in so many that are made pays for a look at others of its owner's index. Each look takes out what is
// gone of kProbes random ones, so that in an index nobody ever lists at most about a third is stale.
constexpr unsigned kSweepEvery = 8;
constexpr unsigned kProbes = 24;
/// What is taken stays taken for so long if nobody says more: the write has been settled by then, or its server died.
constexpr const char* kTakenFor = "60000";

const CallOptions kSafe{.timeout = {}, .idempotent = true};

bool sweep_is_due() {
  thread_local std::minstd_rand random{static_cast<std::minstd_rand::result_type>(random_seed())};
  return random() % kSweepEvery == 0;
}

}  // namespace

awaitable<Result<Reply>> Registry::usage(std::vector<std::string> arguments) {
  std::vector<keyspace::Key> keys{keys_.conversation_usage(), keys_.conversation_usage_moments()};
  return store_.run(steps().usage, std::move(keys), std::move(arguments), kSafe);
}

// Sent again after a lost connection, it may take twice: too much until the write is settled, never too little.
awaitable<Result<void>> Registry::take(std::string id, std::size_t bytes) {
  if (!quota_.limited()) co_return Result<void>{};
  std::vector<std::string> arguments{"take",
                                     std::move(id),
                                     std::to_string(bytes),
                                     "0",
                                     kTakenFor,
                                     std::to_string(quota_.max_conversations),
                                     std::to_string(quota_.max_bytes)};
  auto reply = co_await usage(std::move(arguments));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const auto answer = reply->view().text();
  if (answer == "ok") co_return Result<void>{};
  const bool bytes_out = answer == "bytes";
  co_return std::unexpected(
      Error(ErrorKind::quota_exceeded, "insufficient_quota",
            bytes_out ? fmt::format("You exceeded your current quota: {} bytes of conversations.", quota_.max_bytes)
                      : fmt::format("You exceeded your current quota: {} conversations.", quota_.max_conversations),
            "Delete what is not needed any more, or ask for a larger quota."));
}

awaitable<void> Registry::give(std::string id, std::size_t bytes) {
  if (!quota_.limited()) co_return;
  std::vector<std::string> arguments{"give", std::move(id), std::to_string(bytes), "0", "0", "0", "0"};
  co_await usage(std::move(arguments));
}

awaitable<Result<void>> Registry::announce(std::string id, std::string owner, std::chrono::milliseconds lifetime) {
  std::vector<keyspace::Key> keys(1, keys_.conversation_index(owner));
  std::vector<std::string> arguments{std::move(id), "", std::to_string(lifetime.count()),
                                     sweep_is_due() ? std::to_string(kProbes) : "0"};
  auto reply = co_await store_.run(steps().index_add, std::move(keys), std::move(arguments), kSafe);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  std::vector<std::string> others;
  for (const redis::View other : reply->view()) others.emplace_back(other.text());
  if (!others.empty()) co_await sweep(std::move(owner), std::move(others));
  co_return Result<void>{};
}

awaitable<void> Registry::sweep(std::string owner, std::vector<std::string> ids) {
  std::vector<keyspace::Key> keys;
  keys.reserve(ids.size());
  for (const auto& id : ids) keys.push_back(keys_.conversation(id));
  const auto answers = co_await store_.exists_all(keys);
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i] && answers[i]->view().integer() == 0) missing.push_back(std::move(ids[i]));
  }
  if (!missing.empty()) co_await forget(std::move(owner), std::move(missing), false);
}

awaitable<void> Registry::settle(std::string id, Note note) {
  const bool gone = note.expires_at == 0;
  if (quota_.limited()) {
    std::vector<std::string> arguments{gone ? "drop" : "set",
                                       id,
                                       std::to_string(note.bytes),
                                       std::to_string(note.version),
                                       std::to_string(note.expires_at),
                                       "0",
                                       "0"};
    co_await usage(std::move(arguments));
  }
  if (gone) {
    std::vector<std::string> ids(1, id);
    co_await forget(std::move(note.owner), std::move(ids), true);
    co_return;
  }
  std::vector<keyspace::Key> keys(1, keys_.conversation_index(note.owner));
  std::vector<std::string> arguments{std::move(id), std::to_string(note.noted), std::to_string(note.expires_at), "0"};
  co_await store_.run(steps().index_add, std::move(keys), std::move(arguments), kSafe);
}

awaitable<Result<std::vector<IndexEntry>>> Registry::page(std::string owner, std::size_t limit, IndexEntry after) {
  std::vector<keyspace::Key> keys(1, keys_.conversation_index(owner));
  std::vector<std::string> arguments{std::to_string(limit), std::move(after.at), std::move(after.id)};
  auto reply = co_await store_.run(steps().index_page, std::move(keys), std::move(arguments), kSafe);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const redis::View flat = reply->view();
  if (!flat.is_aggregate()) {
    co_return std::unexpected(Error(ErrorKind::invalid_argument, "invalid_cursor",
                                    "The conversation to go on after is not in this list.",
                                    "Give what 'next_after' said, or the id of a listed conversation.")
                                  .with_param("after"));
  }
  std::vector<IndexEntry> entries;
  for (auto part = flat.begin(); part != flat.end(); ++part) {
    IndexEntry& entry = entries.emplace_back();
    entry.id = (*part).text();
    if (++part == flat.end()) break;
    entry.at = (*part).text();
  }
  co_return entries;
}

awaitable<void> Registry::forget(std::string owner, std::vector<std::string> ids, bool gone) {
  std::vector<keyspace::Key> keys(1, keys_.conversation_index(owner));
  std::vector<std::string> arguments(1, gone ? "gone" : "stale");
  arguments.insert(arguments.end(), std::make_move_iterator(ids.begin()), std::make_move_iterator(ids.end()));
  co_await store_.run(steps().index_remove, std::move(keys), std::move(arguments), kSafe);
}

}  // namespace inkwell::conversations

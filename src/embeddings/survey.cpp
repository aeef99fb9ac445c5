#include "embeddings/survey.hpp"

#include <boost/asio/this_coro.hpp>
#include <map>
#include <tuple>

#include <inkwell/redis/scan.hpp>

#include "keyspace/store.hpp"

namespace inkwell::embeddings {
namespace {

namespace asio = boost::asio;

using Usages = std::map<std::tuple<std::string, std::string, std::uint32_t>, ModelUsage>;

/// What is done with the keys of one page.
class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual asio::awaitable<Result<void>> visit(redis::Client& client, std::vector<std::string> keys) = 0;
};

asio::awaitable<Result<void>> walk_one(redis::Client& client, std::string pattern, Visitor& visitor) {
  redis::Scan scan(client, {.match = std::move(pattern), .type = "string"});
  for (;;) {
    auto page = co_await scan.next();
    if (!page) co_return std::unexpected(std::move(page.error()));
    if (page->empty()) co_return Result<void>();
    auto done = co_await visitor.visit(client, std::move(*page));
    if (!done) co_return done;
  }
}

/// The server's keys, or those of each master where it is a cluster.
asio::awaitable<Result<void>> walk(redis::Client& client, redis::Options options, std::string pattern,
                                   Visitor& visitor) {
  auto ready = co_await client.command("PING");  // a cluster knows its masters once it is connected
  if (!ready) co_return std::unexpected(std::move(ready.error()));
  const auto masters = client.masters();
  if (masters.empty()) co_return co_await walk_one(client, std::move(pattern), visitor);
  for (const auto& [host, port] : masters) {
    redis::Options one = options;
    one.endpoint.topology = redis::Topology::standalone;
    one.endpoint.host = host;
    one.endpoint.port = port;
    redis::Client master(co_await asio::this_coro::executor, one);
    auto done = co_await walk_one(master, pattern, visitor);
    co_await master.close();
    if (!done) co_return done;
  }
  co_return Result<void>();
}

class Surveyor final : public Visitor {
 public:
  explicit Surveyor(const keyspace::Keys& keys) : keys_(keys) {}
  asio::awaitable<Result<void>> visit(redis::Client& client, std::vector<std::string> keys) override {
    redis::Request request;
    std::vector<keyspace::Keys::EmbeddingName> names;
    for (const auto& key : keys) {
      auto name = keys_.parse_embedding(key);
      if (!name) continue;
      names.push_back(std::move(*name));
      request.add("MEMORY", "USAGE", key);
    }
    redis::CallOptions call;
    call.idempotent = true;
    auto answers = co_await client.execute_all(std::move(request), call);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!answers[i]) co_return std::unexpected(std::move(answers[i].error()));
      const auto bytes = answers[i]->view().integer();
      if (!bytes) continue;  // gone since the scan
      auto& usage = usages[{names[i].tenant, names[i].model, names[i].dimensions}];
      ++usage.vectors;
      usage.bytes += static_cast<std::uint64_t>(*bytes);
    }
    co_return Result<void>();
  }
  Usages usages;

 private:
  const keyspace::Keys& keys_;
};

class Purger final : public Visitor {
 public:
  explicit Purger(const keyspace::Keys& keys) : keys_(keys) {}
  asio::awaitable<Result<void>> visit(redis::Client& client, std::vector<std::string> keys) override {
    keyspace::Store store(client, keys_);
    std::vector<keyspace::Key> found;
    for (const auto& key : keys) {
      const auto name = keys_.parse_embedding(key);
      if (name) found.push_back(keys_.embedding(name->model, name->dimensions, name->digest));
    }
    auto erased = co_await store.erase_all(found);
    if (!erased) co_return std::unexpected(std::move(erased.error()));
    purged += *erased;
    co_return Result<void>();
  }
  std::uint64_t purged = 0;

 private:
  const keyspace::Keys& keys_;
};

}  // namespace

asio::awaitable<Result<std::vector<ModelUsage>>> survey(redis::Client& client, redis::Options options,
                                                        keyspace::Keys keys) {
  Surveyor surveyor(keys);
  auto walked = co_await walk(client, std::move(options), keys.any_embedding_pattern(), surveyor);
  if (!walked) co_return std::unexpected(std::move(walked.error()));
  std::vector<ModelUsage> all;
  for (auto& [name, usage] : surveyor.usages) {
    std::tie(usage.tenant, usage.model, usage.dimensions) = name;
    all.push_back(std::move(usage));
  }
  co_return all;
}

asio::awaitable<Result<std::uint64_t>> purge(redis::Client& client, redis::Options options, keyspace::Keys keys,
                                             std::string model) {
  Purger purger(keys);
  auto walked = co_await walk(client, std::move(options), keys.embeddings_pattern(model), purger);
  if (!walked) co_return std::unexpected(std::move(walked.error()));
  keyspace::Store store(client, keys);
  auto hot_set = co_await store.erase(keys.hot_set(model));
  if (!hot_set) co_return std::unexpected(std::move(hot_set.error()));
  co_return purger.purged;
}

}  // namespace inkwell::embeddings

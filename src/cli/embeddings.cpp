#include "cli/embeddings.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <ostream>

#include "cli/exit_code.hpp"
#include "cli/redis_access.hpp"
#include "embeddings/survey.hpp"

namespace inkwell::cli {
namespace {

using embeddings::ModelUsage;

std::string as_json(const std::vector<ModelUsage>& all) {
  boost::json::array models;
  for (const auto& usage : all) {
    models.push_back({{"tenant", usage.tenant},
                      {"model", usage.model},
                      {"dimensions", usage.dimensions},
                      {"vectors", usage.vectors},
                      {"bytes", usage.bytes}});
  }
  return boost::json::serialize(models) + "\n";
}

std::string as_text(const std::vector<ModelUsage>& all) {
  std::string text =
      fmt::format("{:<16} {:<40} {:>10} {:>12} {:>16}\n", "tenant", "model", "dimensions", "vectors", "bytes");
  for (const auto& usage : all) {
    text +=
        fmt::format("{:<16} {:<40} {:>10} {:>12} {:>16}\n", usage.tenant, usage.model,
                    usage.dimensions == 0 ? "its own" : std::to_string(usage.dimensions), usage.vectors, usage.bytes);
  }
  return text;
}

/// Runs `use(client, options, keys)` on the configured Redis, or says what stands in the way.
template <class T, class Use>
Result<T> on_redis(const config::Loaded& loaded, const std::vector<std::string>& environment, Use use) {
  auto access = RedisAccess::find(loaded, environment);
  if (!access) return std::unexpected(std::move(access.error()));
  asio::io_context io(1);
  redis::Client client(io.get_executor(), access->options());
  const keyspace::Keys keys(loaded.config.tenant, loaded.config.redis.prefix);
  std::optional<Result<T>> outcome;
  std::exception_ptr bug;
  const auto run = [](redis::Client& on, asio::awaitable<Result<T>> task,
                      std::optional<Result<T>>& to) -> asio::awaitable<void> {
    auto result = co_await std::move(task);
    to.emplace(std::move(result));
    co_await on.close();
  };
  asio::co_spawn(io, run(client, use(client, access->options(), keys), outcome),
                 [&bug](std::exception_ptr error) { bug = error; });
  io.run();
  if (bug) std::rethrow_exception(bug);
  return std::move(*outcome);
}

int failed(const Error& error, std::ostream& err) {
  err << "inkwell: " << error.to_string() << "\n";
  return kFailure;
}

}  // namespace

int embeddings_stats(const config::Loaded& loaded, const std::vector<std::string>& environment, bool json,
                     std::ostream& out, std::ostream& err) {
  const auto all = on_redis<std::vector<ModelUsage>>(loaded, environment, &embeddings::survey);
  if (!all) return failed(all.error(), err);
  out << (json ? as_json(*all) : as_text(*all)) << std::flush;
  return kOk;
}

int embeddings_purge(const config::Loaded& loaded, const std::vector<std::string>& environment,
                     const std::string& model, bool json, std::ostream& out, std::ostream& err) {
  const auto purged = on_redis<std::uint64_t>(
      loaded, environment, [&model](redis::Client& client, redis::Options options, keyspace::Keys keys) {
        return embeddings::purge(client, std::move(options), std::move(keys), model);
      });
  if (!purged) return failed(purged.error(), err);
  out << (json ? fmt::format("{{\"purged\":{}}}\n", *purged)
               : fmt::format("{} vectors of '{}' removed.\n", *purged, model))
      << std::flush;
  return kOk;
}

}  // namespace inkwell::cli

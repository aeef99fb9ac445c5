#include "keyspace/audit.hpp"

#include <array>
#include <fmt/format.h>
#include <utility>

namespace inkwell::keyspace {
namespace {

using boost::asio::awaitable;

constexpr std::int64_t kScanCount = 500;
constexpr std::chrono::milliseconds kClockSlack{1000};

struct Shape {
  std::string_view head;  // what a key starts with, behind prefix and tenant
  std::string_view tail;  // what follows the name; "" for nothing
  bool more = false;      // more may follow the tail
  Family family;
};

constexpr std::array<Shape, 12> kBraced{{
    {"conv:{", "}", false, Family::conversation},
    {"conv:{", "}:items", false, Family::conversation_items},
    {"conv:{", "}:ids", false, Family::conversation_item_ids},
    {"conv:{", "}:idem:", true, Family::conversation_idempotency},
    {"convs:{", "}", false, Family::conversation_index},
    {"usage:{", "}", false, Family::conversation_usage},
    {"usage:{", "}:until", false, Family::conversation_usage_moments},
    {"chan:{", "}", false, Family::channel_log},
    {"chan:{", "}:live", false, Family::channel_live},
    {"chan:{", "}:subs", false, Family::channel_subscribers},
    {"chan:{", "}:idem:", true, Family::channel_idempotency},
    {"chan:{", "}:gen", false, Family::channel_generation},
}};

std::string_view type_name(RedisType type) {
  switch (type) {
    case RedisType::string:
      return "string";
    case RedisType::hash:
      return "hash";
    case RedisType::stream:
      return "stream";
    case RedisType::sorted_set:
      return "zset";
    case RedisType::pubsub_channel:
      return "none";
  }
  return "none";
}

std::optional<std::string> problem_of(const FamilyRule& row, std::string_view type, std::int64_t ttl,
                                      const AuditOptions& options) {
  if (type != type_name(row.type)) {
    return fmt::format("is of type {}, where the family '{}' has {}", type, row.name, type_name(row.type));
  }
  if (ttl == -1) return fmt::format("has no lifetime, where the family '{}' has one", row.name);
  const auto configured = options.lifetimes.find(row.family);
  const auto lifetime = configured != options.lifetimes.end() ? configured->second : row.lifetime;
  const auto longest = lifetime + lifetime * row.jitter_per_mille / 1000 + kClockSlack;
  if (ttl > longest.count())
    return fmt::format("lives {} ms more, where the family '{}' lives {} ms at most", ttl, row.name, longest.count());
  return std::nullopt;
}

class Walk {
 public:
  Walk(redis::Client& client, AuditOptions options) : client_(client), options_(std::move(options)) {}
  awaitable<Result<AuditReport>> run();

 private:
  awaitable<Result<void>> look_at(const std::vector<std::string>& keys);
  void note(const std::string& key, std::string_view type, std::int64_t ttl, std::int64_t bytes);
  void found(const std::string& key, std::string problem) {
    ++report_.broken;
    if (report_.findings.size() < options_.max_findings) report_.findings.push_back({key, std::move(problem)});
  }

  redis::Client& client_;
  AuditOptions options_;
  AuditReport report_;
};

awaitable<Result<AuditReport>> Walk::run() {
  std::string cursor = "0";
  const std::string pattern = options_.prefix + ":*";
  const redis::CallOptions safe{.timeout = {}, .idempotent = true};
  do {
    redis::Request scan("SCAN", cursor, "MATCH", pattern, "COUNT", kScanCount);
    auto reply = co_await client_.execute(std::move(scan), safe);
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    const redis::View answer = reply->view();
    if (answer.size() != 2)
      co_return fail(ErrorKind::data_corrupt, "redis_protocol", "SCAN did not answer a cursor and keys.");
    cursor = answer[0].text();
    std::vector<std::string> keys;
    for (const redis::View key : answer[1]) keys.emplace_back(key.text());
    auto looked = co_await look_at(keys);
    if (!looked) co_return std::unexpected(std::move(looked.error()));
  } while (cursor != "0");
  co_return std::move(report_);
}

awaitable<Result<void>> Walk::look_at(const std::vector<std::string>& keys) {
  redis::Request request;
  for (const auto& key : keys) {
    request.add("TYPE", key).add("PTTL", key);
    if (options_.measure_bytes) request.add("MEMORY", "USAGE", key);
  }
  const std::size_t each = options_.measure_bytes ? 3 : 2;
  const redis::CallOptions safe{.timeout = {}, .idempotent = true};
  auto answers = co_await client_.execute_all(std::move(request), safe);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t part = 0; part < each; ++part) {
      if (!answers[i * each + part]) co_return std::unexpected(std::move(answers[i * each + part].error()));
    }
    const auto ttl = answers[i * each + 1]->view().integer().value_or(-2);
    if (ttl == -2) continue;  // gone since the scan
    const auto bytes = options_.measure_bytes ? answers[i * each + 2]->view().integer().value_or(0) : 0;
    note(keys[i], answers[i * each]->view().text(), ttl, bytes);
  }
  co_return Result<void>{};
}

void Walk::note(const std::string& key, std::string_view type, std::int64_t ttl, std::int64_t bytes) {
  ++report_.keys;
  const auto family = family_of(key, options_.prefix);
  if (!family) return found(key, "belongs to no family of the schema");
  auto& usage = report_.families[*family];
  ++usage.keys;
  usage.bytes += static_cast<std::uint64_t>(bytes);
  auto problem = problem_of(rule(*family), type, ttl, options_);
  if (problem) found(key, std::move(*problem));
}

}  // namespace

std::optional<Family> family_of(std::string_view key, std::string_view prefix) noexcept {
  if (!key.starts_with(prefix)) return std::nullopt;
  key.remove_prefix(prefix.size());
  const auto tenant_end = key.find(':', 1);
  if (!key.starts_with(':') || tenant_end == std::string_view::npos) return std::nullopt;
  key.remove_prefix(tenant_end + 1);
  if (key.starts_with("emb:")) return key.ends_with(":lease") ? Family::embedding_lease : Family::embedding;
  if (key.starts_with("hot:")) return Family::hot_set;
  const auto close = key.find('}');
  if (close == std::string_view::npos) return std::nullopt;
  const auto tail = key.substr(close);
  for (const auto& shape : kBraced) {
    if (key.starts_with(shape.head) && (shape.more ? tail.starts_with(shape.tail) : tail == shape.tail))
      return shape.family;
  }
  return std::nullopt;
}

awaitable<Result<AuditReport>> audit(redis::Client& client, AuditOptions options) {
  Walk walk(client, std::move(options));
  auto report = co_await walk.run();
  co_return report;
}

}  // namespace inkwell::keyspace

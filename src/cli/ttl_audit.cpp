#include "cli/ttl_audit.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <ostream>

#include "cli/exit_code.hpp"
#include "cli/redis_access.hpp"
#include "keyspace/audit.hpp"

namespace inkwell::cli {
namespace {

using keyspace::AuditReport;
using keyspace::Family;

asio::awaitable<Result<AuditReport>> read(redis::Client& client, const config::Loaded& loaded) {
  const config::Config& config = loaded.config;
  keyspace::AuditOptions options;
  options.prefix = config.redis.prefix;
  for (const Family family :
       {Family::conversation, Family::conversation_items, Family::conversation_item_ids, Family::conversation_index,
        Family::conversation_usage, Family::conversation_usage_moments})
    options.lifetimes[family] = std::max(config.conversations.lifetime, config.conversations.max_lifetime);
  options.lifetimes[Family::channel_log] = config.events.lifetime;
  options.lifetimes[Family::channel_generation] = config.events.lifetime;
  options.lifetimes[Family::embedding] = config.embeddings.lifetime;
  auto report = co_await keyspace::audit(client, std::move(options));
  co_return report;
}

std::string as_json(const AuditReport& report) {
  boost::json::array families;
  for (const auto& [family, usage] : report.families) {
    families.push_back({{"family", keyspace::rule(family).name}, {"keys", usage.keys}, {"bytes", usage.bytes}});
  }
  boost::json::array findings;
  for (const auto& finding : report.findings) findings.push_back({{"key", finding.key}, {"problem", finding.problem}});
  const boost::json::object all = {
      {"keys", report.keys}, {"broken", report.broken}, {"families", families}, {"findings", findings}};
  return boost::json::serialize(all) + "\n";
}

std::string as_text(const AuditReport& report) {
  std::string text = fmt::format("{:<34} {:>12} {:>16}\n", "family", "keys", "bytes");
  for (const auto& [family, usage] : report.families)
    text += fmt::format("{:<34} {:>12} {:>16}\n", keyspace::rule(family).name, usage.keys, usage.bytes);
  text += fmt::format("{} keys, {} of them break their policy.\n", report.keys, report.broken);
  for (const auto& finding : report.findings) text += fmt::format("  {}: {}\n", finding.key, finding.problem);
  if (report.findings.size() < report.broken)
    text += fmt::format("  and {} more\n", report.broken - report.findings.size());
  return text;
}

}  // namespace

int ttl_audit(const config::Loaded& loaded, const std::vector<std::string>& environment, bool json, std::ostream& out,
              std::ostream& err) {
  auto access = RedisAccess::find(loaded, environment);
  if (!access) {
    err << "inkwell: " << access.error().to_string() << "\n";
    return kFailure;
  }
  const auto report = access->with(&read, loaded);
  if (!report) {
    err << "inkwell: " << report.error().to_string() << "\n";
    return kFailure;
  }
  out << (json ? as_json(*report) : as_text(*report)) << std::flush;
  return report->broken == 0 ? kOk : kFailure;
}

}  // namespace inkwell::cli

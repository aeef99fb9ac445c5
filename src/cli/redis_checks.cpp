#include "cli/redis_checks.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

namespace inkwell::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kKey = "<key>";  // stands for one of Inkwell's

// A command of each kind Inkwell uses.
struct Probe {
  std::string_view command;
  std::vector<std::string_view> arguments;
};
const std::array kProbes = {
    Probe{"GET", {kKey}},
    Probe{"SET", {kKey, "x", "PX", "1000"}},
    Probe{"DEL", {kKey}},
    Probe{"PEXPIRE", {kKey, "1000"}},
    Probe{"HSET", {kKey, "f", "v"}},
    Probe{"XADD", {kKey, "*", "f", "v"}},
    Probe{"XRANGE", {kKey, "-", "+"}},
    Probe{"ZADD", {kKey, "1", "m"}},
    Probe{"EVALSHA", {"0000000000000000000000000000000000000000", "1", kKey}},
    Probe{"SCRIPT", {"LOAD", "return 1"}},
    Probe{"SPUBLISH", {kKey, "m"}},
    Probe{"SSUBSCRIBE", {kKey}},
};

std::map<std::string, std::string, std::less<>> parse_info(std::string_view text) {
  std::map<std::string, std::string, std::less<>> fields;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    auto value = line.substr(colon + 1);
    if (value.ends_with('\r')) value.remove_suffix(1);
    fields.emplace(line.substr(0, colon), value);
  }
  return fields;
}

std::string_view field(const std::map<std::string, std::string, std::less<>>& fields, std::string_view name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string_view() : std::string_view(found->second);
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

asio::awaitable<void> ask_times(redis::Client& client, RedisFacts& facts) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::chrono::microseconds> taken;
  for (int i = 0; i < 9; ++i) {
    const auto before = Clock::now();
    auto pong = co_await client.command("PING");
    if (!pong) co_return;
    taken.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - before));
  }
  std::ranges::sort(taken);
  facts.round_trip = taken[taken.size() / 2];
  auto time = co_await client.command("TIME");
  if (!time || time->view().size() != 2) co_return;
  const auto theirs =
      std::chrono::milliseconds(number(time->view()[0].text()) * 1000 + number(time->view()[1].text()) / 1000);
  const auto ours = std::chrono::system_clock::now().time_since_epoch();
  facts.clock_ahead = std::chrono::duration_cast<std::chrono::milliseconds>(theirs - ours);
}

asio::awaitable<void> ask_permissions(redis::Client& client, const std::string& key, RedisFacts& facts) {
  auto user = co_await client.command("ACL", "WHOAMI");
  if (!user) co_return;
  facts.user = user->view().text();
  for (const Probe& probe : kProbes) {
    auto arguments = probe.arguments;
    std::ranges::replace(arguments, kKey, std::string_view(key));
    auto allowed = co_await client.command("ACL", "DRYRUN", facts.user, probe.command, arguments);
    if (!allowed) co_return;  // not allowed to ask
    if (allowed->view().text() != "OK") facts.denied.emplace_back(probe.command);
  }
}

asio::awaitable<void> ask_settings(redis::Client& client, RedisFacts& facts) {
  for (const std::string_view name : {"maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "save"}) {
    auto reply = co_await client.command("CONFIG", "GET", name);
    if (!reply) co_return;
    const redis::View pairs = reply->view();
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) facts.settings.emplace(pairs[i].text(), pairs[i + 1].text());
  }
}

Finding good(std::string_view subject, std::string detail) {
  return {Health::good, std::string(subject), std::move(detail), {}};
}

Finding version(const RedisFacts& facts) {
  const auto valkey = field(facts.info, "valkey_version");
  const auto text = valkey.empty() ? field(facts.info, "redis_version") : valkey;
  const std::string_view name = valkey.empty() ? "Redis" : "Valkey";
  const auto major = number(text);
  if (text.empty())
    return {Health::warning, "redis version", "The server doesn't say its version.",
            "Inkwell needs Redis 7.0 or Valkey 7.2."};
  if (major < 7)
    return {Health::bad, "redis version", fmt::format("{} {} is too old.", name, text),
            "Use Redis 7.0, Valkey 7.2, or a later one."};
  return good("redis version", fmt::format("{} {}.", name, text));
}

// All keys have a lifetime, so every policy but noeviction may take conversations and logs before their time.
Finding eviction(const RedisFacts& facts) {
  auto limit = number(field(facts.settings, "maxmemory"));
  auto policy = field(facts.settings, "maxmemory-policy");
  if (policy.empty()) policy = field(facts.info, "maxmemory_policy");
  if (facts.settings.empty()) limit = number(field(facts.info, "maxmemory"));
  if (policy != "noeviction" && limit > 0)
    return {
        Health::bad, "redis eviction",
        fmt::format("maxmemory-policy is {}: with its {} bytes full, the server drops conversations and events that "
                    "are still to live.",
                    policy, limit),
        "Set maxmemory-policy to noeviction; writes are then refused, and told, when memory is full."};
  if (policy != "noeviction")
    return {Health::warning, "redis eviction",
            fmt::format("maxmemory-policy is {}; without a maxmemory nothing is dropped today.", policy),
            "Set maxmemory-policy to noeviction before you set a maxmemory."};
  return good("redis eviction", limit == 0 ? "Nothing is evicted (no maxmemory)." : "Nothing is evicted (noeviction).");
}

Finding memory(const RedisFacts& facts) {
  const auto used = number(field(facts.info, "used_memory"));
  const auto limit = number(field(facts.info, "maxmemory"));
  if (limit > 0 && used > limit / 10 * 9)
    return {Health::warning, "redis memory", fmt::format("{} of {} bytes are used.", used, limit),
            "Raise maxmemory, shorten the lifetimes, or purge embeddings."};
  return good("redis memory", limit == 0 ? fmt::format("{} bytes are used.", used)
                                         : fmt::format("{} of {} bytes are used.", used, limit));
}

Finding persistence(const RedisFacts& facts) {
  if (field(facts.info, "aof_enabled") == "1") {
    if (field(facts.info, "aof_last_write_status") == "err")
      return {Health::bad, "redis persistence", "The last write of the append-only file failed.",
              "Look at the server's log; its disk may be full."};
    return good("redis persistence", "An append-only file is kept.");
  }
  if (field(facts.info, "rdb_last_bgsave_status") == "err")
    return {Health::bad, "redis persistence", "The last snapshot failed; the server may refuse writes (MISCONF).",
            "Look at the server's log; its disk may be full."};
  const bool snapshots = !field(facts.settings, "save").empty();
  return {Health::warning, "redis persistence",
          snapshots ? "Only snapshots are kept: a crash loses what came after the last one."
                    : "Nothing is written to disk: a restart loses everything.",
          "Turn the append-only file on (appendonly yes), unless losing state is fine."};
}

Finding permissions(const RedisFacts& facts) {
  if (facts.denied.empty())
    return good("redis permissions",
                fmt::format("The user {} may do what Inkwell does.", facts.user.empty() ? "default" : facts.user));
  return {Health::bad, "redis permissions",
          fmt::format("The user {} may not: {}.", facts.user, fmt::join(facts.denied, ", ")),
          fmt::format("Allow it these commands on Inkwell's keys and channels, such as: ACL SETUSER {} ~ink:* &ink:* "
                      "+@all -@dangerous +info.",
                      facts.user)};
}

Finding latency(const RedisFacts& facts) {
  auto detail = fmt::format("A round trip takes {:.2f} ms.", static_cast<double>(facts.round_trip.count()) / 1000);
  if (facts.round_trip < 10ms) return good("redis latency", std::move(detail));
  return {Health::warning, "redis latency", std::move(detail), "Move Inkwell and Redis closer to each other."};
}

Finding clock(const RedisFacts& facts) {
  const auto off = std::chrono::abs(facts.clock_ahead);
  if (off < 2s) return good("redis clock", "Its clock agrees with ours.");
  return {Health::warning, "redis clock",
          fmt::format("Its clock is {} ms {} of ours.", off.count(), facts.clock_ahead > 0ms ? "ahead" : "behind"),
          "Run a time service (NTP) on both machines: ids and times that clients see come from Redis's clock."};
}

Finding transport(const RedisFacts& facts, bool encrypted) {
  if (encrypted) return good("redis encryption", "The connection is encrypted.");
  return {Health::warning, "redis encryption",
          fmt::format("The connection to another machine is not encrypted (server {}).",
                      field(facts.info, "redis_mode").empty() ? "unknown" : field(facts.info, "redis_mode")),
          "Use rediss://, or a network you trust."};
}

}  // namespace

asio::awaitable<Result<RedisFacts>> redis_facts(redis::Client& client, const config::Loaded& loaded) {
  RedisFacts facts;
  auto info = co_await client.command("INFO");
  if (!info) co_return std::unexpected(std::move(info.error()));
  facts.info = parse_info(info->view().text());
  co_await ask_times(client, facts);
  const std::string key = loaded.config.redis.prefix + ":doctor";
  co_await ask_permissions(client, key, facts);
  co_await ask_settings(client, facts);
  facts.cluster = field(facts.info, "cluster_enabled") == "1";
  co_return facts;
}

std::vector<Finding> judge_redis(const RedisFacts& facts, bool remote, bool encrypted) {
  std::vector<Finding> findings = {version(facts),     eviction(facts), memory(facts), persistence(facts),
                                   permissions(facts), latency(facts),  clock(facts)};
  if (remote) findings.push_back(transport(facts, encrypted));
  return findings;
}

}  // namespace inkwell::cli

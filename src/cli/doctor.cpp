#include "cli/doctor.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <curl/curl.h>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <ostream>
#include <sys/resource.h>

#include "cli/default_directory.hpp"
#include "cli/exit_code.hpp"
#include "cli/redis_access.hpp"
#include "cli/redis_checks.hpp"

namespace inkwell::cli {
namespace {

constexpr std::uintmax_t kRoom = 512u << 20;  // what the append-only file may need while it is rewritten

std::string_view name_of(Health health) {
  switch (health) {
    case Health::good:
      return "ok";
    case Health::warning:
      return "warning";
    case Health::bad:
      break;
  }
  return "error";
}

Finding configuration(const config::Loaded& loaded) {
  return {Health::good,
          "configuration",
          loaded.file.empty() ? "No file is read; defaults, environment and flags are in order."
                              : fmt::format("{} is in order.", loaded.file),
          {}};
}

Finding descriptors(const config::Config& config) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::uint64_t needed = config.server.max_connections + 256;  // Redis, upstreams, logs, libraries
  if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= needed)
    return {Health::good,
            "descriptors",
            fmt::format("The limit suffices for {} connections.", config.server.max_connections),
            {}};
  return {Health::warning, "descriptors",
          fmt::format("The limit of {} open files is less than server.max_connections = {} may need.", limit.rlim_max,
                      config.server.max_connections),
          "Raise it (ulimit -Hn, or LimitNOFILE in the systemd unit), or lower --server-max-connections."};
}

Finding data_directory(const config::Config& config, const std::vector<std::string>& environment) {
  std::filesystem::path directory = config.data_dir;
  if (directory.empty()) directory = default_data_directory(environment).value_or("");
  while (!directory.empty() && !std::filesystem::exists(directory) && directory.has_parent_path())
    directory = directory.parent_path();
  std::error_code failed;
  const auto space = std::filesystem::space(directory, failed);
  if (failed)
    return {Health::bad, "data directory", fmt::format("{}: {}.", directory.string(), failed.message()),
            "Name a directory that can be written to with --data-dir."};
  if (space.available < kRoom)
    return {Health::warning, "data directory",
            fmt::format("{} has {} MiB left.", directory.string(), space.available >> 20u),
            "Make room, or name another directory with --data-dir."};
  return {Health::good,
          "data directory",
          fmt::format("{} has {} MiB left.", directory.string(), space.available >> 20u),
          {}};
}

// Any answer shows that the address is right; what it says of the key shows whether that is, too.
Finding upstream(const config::Config::Embeddings::Upstream& from) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(::curl_easy_init(), &::curl_easy_cleanup);
  std::string url = from.url;
  while (url.ends_with('/')) url.pop_back();
  url += from.api == "ollama" ? "/api/version" : from.api == "tei" ? "/health" : "/models";
  const std::string authorization = "Authorization: Bearer " + from.api_key;
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(nullptr, &::curl_slist_free_all);
  if (!from.api_key.empty()) headers.reset(::curl_slist_append(nullptr, authorization.c_str()));
  ::curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, 5000L);
  ::curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  if (!from.ca_file.empty()) ::curl_easy_setopt(curl.get(), CURLOPT_CAINFO, from.ca_file.c_str());
  ::curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  ::curl_easy_setopt(
      curl.get(), CURLOPT_WRITEFUNCTION,
      +[](char*, std::size_t size, std::size_t count, void*) { return size * count; });
  const CURLcode code = ::curl_easy_perform(curl.get());
  long status = 0;
  ::curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK)
    return {Health::bad, "embeddings upstream", fmt::format("{}: {}.", from.url, ::curl_easy_strerror(code)),
            "Start it, or correct embeddings.upstream.url."};
  if (status == 401 || status == 403)
    return {Health::bad, "embeddings upstream", fmt::format("{} refuses the key (status {}).", from.url, status),
            "Set the right one by INKWELL_EMBEDDINGS_UPSTREAM_API_KEY or its file."};
  if (status >= 500)
    return {Health::bad, "embeddings upstream", fmt::format("{} answers with status {}.", from.url, status),
            "Look at that server's log."};
  return {Health::good, "embeddings upstream", fmt::format("{} answers.", from.url), {}};
}

void look_at_redis(const config::Loaded& loaded, const std::vector<std::string>& environment,
                   std::vector<Finding>& findings) {
  auto access = RedisAccess::find(loaded, environment);
  if (!access) {
    const bool not_running = access.error().code() == "redis_not_running";
    findings.push_back(
        {not_running ? Health::warning : Health::bad, "redis", access.error().message(),
         not_running ? "Start `inkwell serve` to have its private Redis looked at as well." : access.error().remedy()});
    return;
  }
  auto facts = access->with(&redis_facts, loaded);
  if (!facts) {
    findings.push_back({Health::bad, "redis", facts.error().message(), facts.error().remedy()});
    return;
  }
  const redis::Endpoint& endpoint = access->options().endpoint;
  const std::string& host = endpoint.host;
  const bool remote = endpoint.unix_path.empty() && host != "localhost" && host != "::1" && !host.starts_with("127.");
  const bool encrypted = loaded.config.redis.url.starts_with("rediss://");
  std::ranges::move(judge_redis(*facts, remote, encrypted), std::back_inserter(findings));
}

std::string as_json(const std::vector<Finding>& findings, bool fine) {
  boost::json::array list;
  for (const Finding& finding : findings) {
    boost::json::object row = {
        {"health", name_of(finding.health)}, {"subject", finding.subject}, {"detail", finding.detail}};
    if (!finding.remedy.empty()) row["remedy"] = finding.remedy;
    list.push_back(std::move(row));
  }
  return boost::json::serialize(boost::json::object{{"ok", fine}, {"findings", list}}) + "\n";
}

std::string as_text(const std::vector<Finding>& findings) {
  std::string text;
  std::size_t warnings = 0;
  std::size_t errors = 0;
  for (const Finding& finding : findings) {
    text += fmt::format("{:<8} {:<20} {}\n", name_of(finding.health), finding.subject, finding.detail);
    if (!finding.remedy.empty()) text += fmt::format("{:<29} -> {}\n", "", finding.remedy);
    warnings += finding.health == Health::warning;
    errors += finding.health == Health::bad;
  }
  return text + fmt::format("{} looked at: {} errors, {} warnings.\n", findings.size(), errors, warnings);
}

}  // namespace

int doctor(const config::Loaded& loaded, const std::vector<std::string>& environment, bool json, std::ostream& out,
           std::ostream&) {
  std::vector<Finding> findings = {configuration(loaded), descriptors(loaded.config)};
  if (loaded.config.redis.url.empty()) findings.push_back(data_directory(loaded.config, environment));
  look_at_redis(loaded, environment, findings);
  const auto& embeddings = loaded.config.embeddings;
  for (const auto* one : {&embeddings.upstream, &embeddings.upstream2, &embeddings.upstream3}) {
    if (!one->url.empty()) findings.push_back(upstream(*one));
  }
  const bool fine =
      std::ranges::none_of(findings, [](const Finding& finding) { return finding.health == Health::bad; });
  out << (json ? as_json(findings, fine) : as_text(findings)) << std::flush;
  return fine ? kOk : kFailure;
}

}  // namespace inkwell::cli

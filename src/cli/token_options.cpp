#include "cli/token_options.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "cli/setting_error.hpp"
#include "config/assignment.hpp"
#include "server/jwt/key_set.hpp"
#include "server/jwt/token_verifier.hpp"

namespace inkwell::cli {
namespace {

constexpr std::size_t kMaxSetBytes = 1U << 20;

Result<std::string> read_key_set(const config::Loaded& loaded) {
  constexpr const char* kSetting = "auth.jwt.key_set_file";
  const std::string& path = loaded.config.auth.jwt.key_set_file;
  if (path.empty()) return std::string();
  auto file = config::read_file(path, kMaxSetBytes);
  if (!file) return setting_error(loaded, kSetting, file.error());
  const auto keys = server::parse_key_set(file->text, server::SharedSecrets::allowed);
  if (!keys) return setting_error(loaded, kSetting, keys.error());
  if (keys->empty()) {
    return setting_error(
        loaded, kSetting, fmt::format("{} holds no key that signatures are verified with.", path),
        "Usable are RSA of at least 2048 bits, EC on P-256, P-384 or P-521, Ed25519, and secrets of 32 bytes.");
  }
  const auto secret = [](const server::VerificationKey& key) { return key.algorithms().has_shared_secret(); };
  if (file->world_readable && std::ranges::any_of(*keys, secret)) {
    return setting_error(loaded, kSetting,
                         fmt::format("{} holds a shared secret, and every user of this machine can read it.", path),
                         fmt::format("chmod 600 {} (in Kubernetes: defaultMode 0440).", path));
  }
  return std::move(file->text);
}

/// A setting about tokens that was changed, though there is nothing to verify them with.
Result<void> refuse_without_keys(const config::Loaded& loaded) {
  const auto defaults = config::load({});
  for (const char* name : {"auth.jwt.issuer", "auth.jwt.key_set_issuer", "auth.jwt.algorithms", "auth.jwt.audience",
                           "auth.jwt.publish_origins", "auth.jwt.anonymous"}) {
    if (loaded.provenance.at(name).value == defaults->provenance.at(name).value) continue;
    return setting_error(loaded, name, "there is no key to verify tokens with, so none are taken.",
                         "Set auth.jwt.key, auth.jwt.key_set_file or auth.jwt.key_set_url.");
  }
  return {};
}

/// The setting that a verifier could not be made from.
std::string culprit(const config::Config::Auth::Jwt& from, const Error& wrong) {
  if (wrong.code() == "bad_value") return "auth.jwt.algorithms";
  const bool first = !from.key.empty() && !server::VerificationKey::from_text(from.key);
  return first ? "auth.jwt.key" : "auth.jwt.subscriber_key";
}

Result<std::string> public_url(const config::Loaded& loaded) {
  std::string url = loaded.config.server.public_url;
  while (url.ends_with('/')) url.pop_back();
  const auto host = url.find("://");
  if (host != std::string::npos && url.find('/', host + 3) != std::string::npos) {
    return setting_error(loaded, "server.public_url", "it has a path, and the server's own paths begin at '/'.",
                         "Give scheme, host and port only: https://hub.example.com.");
  }
  return url;
}

}  // namespace

Result<server::TokenAuthOptions> token_options(const config::Loaded& loaded) {
  const auto& from = loaded.config.auth.jwt;
  server::TokenAuthOptions options;
  options.cookie = from.cookie;
  options.anonymous = from.anonymous;
  auto url = public_url(loaded);
  if (!url) return std::unexpected(url.error());
  options.public_url = std::move(*url);
  auto origins = server::OriginList::make(from.publish_origins);
  if (!origins) return setting_error(loaded, "auth.jwt.publish_origins", origins.error());
  options.publish_origins = std::move(*origins);

  if (from.key.empty() && from.subscriber_key.empty() && from.key_set_file.empty() && from.key_set_url.empty()) {
    if (auto good = refuse_without_keys(loaded); !good) return std::unexpected(good.error());
    return options;
  }
  auto key_set = read_key_set(loaded);
  if (!key_set) return std::unexpected(key_set.error());
  auto verifier = server::TokenVerifier::make({.key = from.key,
                                               .subscriber_key = from.subscriber_key,
                                               .issuer = from.issuer,
                                               .key_set = std::move(*key_set),
                                               .key_set_url = from.key_set_url,
                                               .key_set_issuer = from.key_set_issuer,
                                               .algorithms = from.algorithms,
                                               .audience = from.audience});
  if (!verifier) return setting_error(loaded, culprit(from, verifier.error()), verifier.error());
  options.verifier = std::make_shared<const server::TokenVerifier>(std::move(*verifier));
  return options;
}

}  // namespace inkwell::cli

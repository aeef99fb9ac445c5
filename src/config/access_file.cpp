#include "config/access_file.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <toml++/toml.h>

#include "config/assignment.hpp"
#include "config/nearest.hpp"
#include "config/quote.hpp"
#include "config/units.hpp"

namespace inkwell::config {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::int64_t kMost = std::int64_t{1} << 60;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Reads one file; the first thing wrong ends it.
class AccessReader {
 public:
  explicit AccessReader(std::string file) : file_(std::move(file)) {}

  Result<Access> read(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (key.str() == "keys") {
        read_keys(node);
      } else if (key.str() == "tenants") {
        read_tenants(node);
      } else {
        unknown(key, {"keys", "tenants"});
      }
    }
    check_unique();
    if (error_) return std::unexpected(std::move(*error_));
    return std::move(access_);
  }

 private:
  void refuse(const toml::source_region& where, const std::string& message, std::string remedy) {
    if (error_) return;
    error_ = Error(ErrorKind::invalid_argument, "bad_value", fmt::format("{}:{}: {}", file_, where.begin.line, message),
                   std::move(remedy));
  }

  void unknown(const toml::key& key, const std::vector<std::string>& known) {
    refuse(key.source(), fmt::format("there is no {} here.", quote(key.str())),
           fmt::format("The nearest is '{}'.", nearest(key.str(), known)));
  }

  void read_keys(const toml::node& node) {
    const auto* const list = node.as_array();
    if (list == nullptr) return refuse(node.source(), "keys is no list of tables.", "Begin each key with [[keys]].");
    for (const toml::node& one : *list) {
      const auto* const table = one.as_table();
      if (table == nullptr) return refuse(one.source(), "a key is no table.", "Begin each key with [[keys]].");
      read_key(*table);
    }
  }

  void read_key(const toml::table& table) {
    AccessKey key;
    bool hashed = false;
    for (const auto& [name, node] : table) {
      const std::string text = node.value_or(std::string());
      if (name.str() == "id") {
        key.id = text;
      } else if (name.str() == "tenant") {
        key.tenant = text;
      } else if (name.str() == "sha256") {
        hashed = read_hash(text, key.sha256);
        if (!hashed) refuse(node.source(), "sha256 is not 64 hexadecimal digits.", kMakeOne);
      } else {
        unknown(name, {"id", "sha256", "tenant"});
      }
    }
    if (!is_tenant_name(key.tenant)) refuse(table.source(), "the key names no tenant.", kTenantNames);
    if (!hashed) refuse(table.source(), "the key has no sha256.", kMakeOne);
    access_.keys.push_back(std::move(key));
  }

  static bool read_hash(std::string_view text, std::array<unsigned char, 32>& hash) {
    if (text.size() != hash.size() * 2) return false;
    for (std::size_t i = 0; i < hash.size(); ++i) {
      const int high = hex_value(text[2 * i]);
      const int low = hex_value(text[2 * i + 1]);
      if (high < 0 || low < 0) return false;
      hash[i] = static_cast<unsigned char>(high * 16 + low);
    }
    return true;
  }

  void read_tenants(const toml::node& node) {
    const auto* const all = node.as_table();
    if (all == nullptr) return refuse(node.source(), "tenants is no table.", "Begin each tenant with [tenants.NAME].");
    for (const auto& [name, one] : *all) {
      const auto* const table = one.as_table();
      if (table == nullptr) return refuse(one.source(), "a tenant is no table.", "Begin it with [tenants.NAME].");
      if (!is_tenant_name(name.str())) return refuse(name.source(), "that can't name a tenant.", kTenantNames);
      TenantSettings tenant;
      tenant.name = name.str();
      for (const auto& [key, value] : *table) read_quota(tenant, key, value);
      access_.tenants.push_back(std::move(tenant));
    }
  }

  void read_quota(TenantSettings& tenant, const toml::key& key, const toml::node& node) {
    const std::string_view name = key.str();
    if (name == "requests_per_second") return read_number(node, name, tenant.requests_per_second);
    if (name == "burst") return read_number(node, name, tenant.burst);
    if (name == "max_conversations") return read_number(node, name, tenant.max_conversations);
    if (name == "max_conversation_bytes") return read_size(node, tenant.max_conversation_bytes);
    if (name == "conversation_lifetime") return read_lifetime(node, tenant);
    unknown(key,
            {"requests_per_second", "burst", "max_conversations", "max_conversation_bytes", "conversation_lifetime"});
  }

  void read_number(const toml::node& node, std::string_view name, std::int64_t& out) {
    const auto number = node.value_exact<std::int64_t>();
    if (!number || *number < 1 || *number > kMost)
      return refuse(node.source(), fmt::format("{} is not a positive integer.", name), "Leave it out for no limit.");
    out = *number;
  }

  void read_size(const toml::node& node, std::int64_t& out) {
    const auto number = node.value_exact<std::int64_t>();
    const auto size = number ? number : parse_size(node.value_or(std::string()));
    if (!size || *size < 1 || *size > kMost)
      return refuse(node.source(), "max_conversation_bytes is not a size.", "Write it as 65536, 64MiB or 1GiB.");
    out = *size;
  }

  void read_lifetime(const toml::node& node, TenantSettings& tenant) {
    const auto lifetime = parse_duration(node.value_or(std::string()));
    if (!lifetime || *lifetime < std::chrono::seconds(1) || *lifetime > std::chrono::hours(24 * 3650))
      return refuse(node.source(), "conversation_lifetime is not a duration from 1s to 3650d.", "Write it as 30d.");
    tenant.conversation_lifetime = lifetime;
  }

  void check_unique() {
    std::vector<std::array<unsigned char, 32>> hashes;
    hashes.reserve(access_.keys.size());
    for (const AccessKey& key : access_.keys) hashes.push_back(key.sha256);
    std::ranges::sort(hashes);
    if (std::ranges::adjacent_find(hashes) == hashes.end() || error_) return;
    error_ = Error(ErrorKind::invalid_argument, "bad_value", fmt::format("{}: two keys have the same sha256.", file_),
                   "Give each tenant a key of its own.");
  }

  static constexpr const char* kMakeOne = "`inkwell key new` makes a key and prints its entry.";
  static constexpr const char* kTenantNames = "A tenant is 1 to 256 letters, digits, '-', '_' and '.'.";

  std::string file_;
  Access access_;
  std::optional<Error> error_;
};

}  // namespace

bool is_tenant_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

Result<Access> parse_access(std::string_view text, const std::string& name) {
  try {
    return AccessReader(name).read(toml::parse(text, name));
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::invalid_argument, "unreadable_file",
                fmt::format("{}:{}: this is not TOML: {}.", name, error.source().begin.line, error.description()),
                "See https://toml.io for the syntax.");
  }
}

Result<Access> read_access_file(const std::string& path) {
  const auto file = read_file(path, kMaxFileBytes);
  if (!file) return std::unexpected(file.error());
  return parse_access(file->text, path);
}

}  // namespace inkwell::config

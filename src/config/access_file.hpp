// The file that auth.keys_file names: API keys by their hashes, and what each tenant may use. Pure, but for reading the
// file.
//
//   [[keys]]
//   id = "k-6a01"                 # any name, for people
//   sha256 = "<64 hexadecimal digits>"
//   tenant = "acme"
//
//   [tenants.acme]                # all optional
//   requests_per_second = 200
//   burst = 400
//   max_conversations = 100000
//   max_conversation_bytes = "2GiB"
//   conversation_lifetime = "7d"
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "config/config.hpp"

namespace inkwell::config {

struct AccessKey {
  std::string id;
  std::array<unsigned char, 32> sha256{};
  std::string tenant;
};

/// What is 0 or absent is not limited, or is as for everyone.
struct TenantSettings {
  std::string name;
  std::int64_t requests_per_second = 0;  ///< on each server
  std::int64_t burst = 0;                ///< requests at once; 0: those of one second
  std::int64_t max_conversations = 0;
  std::int64_t max_conversation_bytes = 0;  ///< of all conversations together
  std::optional<Duration> conversation_lifetime;
};

struct Access {
  std::vector<AccessKey> keys;
  std::vector<TenantSettings> tenants;
};

/// `name` stands in messages. Unknown names, two keys with one hash and hashes that are none are errors.
Result<Access> parse_access(std::string_view text, const std::string& name);
Result<Access> read_access_file(const std::string& path);

/// Whether it may name a tenant: 1 to 256 letters, digits, '-', '_' and '.'.
bool is_tenant_name(std::string_view name) noexcept;

}  // namespace inkwell::config

// What `inkwell doctor` asks a Redis. Pure judgement over what the server says of itself, so that tests can feed it
// servers that are not at hand.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/redis/client.hpp>

#include "base/asio.hpp"
#include "cli/doctor.hpp"

namespace inkwell::cli {

/// What a server says of itself.
struct RedisFacts {
  std::map<std::string, std::string, std::less<>> info;      ///< INFO: field to value
  std::map<std::string, std::string, std::less<>> settings;  ///< CONFIG GET; empty where that is not allowed
  std::string user;                                          ///< ACL WHOAMI
  std::vector<std::string> denied;                           ///< commands Inkwell uses and this user may not
  std::chrono::microseconds round_trip{};                    ///< median of several PINGs
  std::chrono::milliseconds clock_ahead{};                   ///< its clock minus ours
  bool cluster = false;
};

/// Asks for them.
asio::awaitable<Result<RedisFacts>> redis_facts(redis::Client& client, const config::Loaded& loaded);

/// Judges them. `remote`: the connection leaves this machine; `encrypted`: by TLS.
std::vector<Finding> judge_redis(const RedisFacts& facts, bool remote, bool encrypted);

}  // namespace inkwell::cli

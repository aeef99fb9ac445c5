// Asking a redis-server on a Unix socket how it is, outside the Redis link: it must be known to live before there is
// one. Blocking, for at most about a second; safe from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace inkwell::embedded {

enum class Health : std::uint8_t {
  silent,   ///< nothing listens, or it doesn't answer
  loading,  ///< it reads its data back
  ready,
};
Health probe(const std::filesystem::path& socket);

/// "7.0.15"; Valkey gives the version of Redis it is compatible with.
std::optional<std::string> redis_version(const std::filesystem::path& socket);

}  // namespace inkwell::embedded

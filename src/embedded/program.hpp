// Which redis-server to run. Reads the file system; safe from any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <inkwell/error.hpp>

namespace inkwell::embedded {

/// `wanted` when it names an executable file (a bare name is looked for in `path`); when it is empty, the first
/// redis-server, else the first valkey-server, of `path` (folders with ':' between them, as in $PATH). Failure: code
/// redis_server_missing.
Result<std::filesystem::path> find_program(const std::string& wanted, std::string_view path);

}  // namespace inkwell::embedded

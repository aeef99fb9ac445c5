// The command line: words in, what to do out. Every setting of the schema is a flag of every command that
// reads the configuration.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <inkwell/error.hpp>

#include "config/load.hpp"

namespace inkwell::cli {

enum class Action : std::uint8_t {
  print,  ///< `text`: help or version
  serve,
  check_config,
  default_config,
  ttl_audit,
  doctor,
  embeddings_stats,
  embeddings_purge,
  key_new,
};

struct CommandLine {
  Action action = Action::print;
  std::string text{};
  std::string file{};                 ///< of --config
  std::vector<config::Flag> flags{};  ///< settings given as flags, in the schema's order
  bool json = false;                  ///< --json: what a command finds, for scripts
  std::string tenant{};               ///< --tenant of `key new`
  std::string model{};                ///< --model of `embeddings purge`
};

/// `arguments` without the program's name. Failure: code bad_usage; an unknown flag or command names the nearest.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace inkwell::cli

// load(): the layers of the configuration, one over the other: defaults < file < environment < flags. Reads the file
// and the files secrets lie in, nothing else; returns all that is wrong, not just the first.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "config/config.hpp"
#include "config/schema.hpp"

namespace inkwell::config {

enum class Layer : std::uint8_t { defaults, file, environment, flag };

/// Where a value came from: "the defaults", "inkwell.toml:12", "INKWELL_LISTEN_PORT", "--listen-port".
struct Origin {
  Layer layer = Layer::defaults;
  std::string place = "the defaults";
};

struct Flag {
  std::string flag;     ///< as it was written: "--listen-port", "--redis"
  std::string setting;  ///< the setting it stands for
  std::string text;
};

struct Sources {
  std::string file{};                      ///< the TOML file; empty: $INKWELL_CONFIG, and without that none
  std::vector<std::string> environment{};  ///< NAME=value; only names that start with INKWELL_, and HOME, are looked at
  std::vector<Flag> flags{};
};

/// A value and where it came from; `value` is that of the schema's type.
struct Provenance {
  Value value;
  Origin origin;
};

struct Loaded {
  Config config;
  std::string file;                              ///< the TOML file that was read, if any
  std::map<std::string, Provenance> provenance;  ///< by setting's name; every setting is there

  const Origin& origin_of(const std::string& setting) const { return provenance.at(setting).origin; }
};

/// One Error for each thing wrong: its message starts with the place and the setting, its remedy says what is accepted,
/// its param is the setting. Codes: unknown_setting, bad_value, secret_exposed, unreadable_file, given_twice.
std::expected<Loaded, std::vector<Error>> load(const Sources& sources);

}  // namespace inkwell::config

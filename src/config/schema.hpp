// The schema: one table that knows every setting. The command line, the environment's names, the file's keys, the
// defaults, the checks and `inkwell config default` all come from it; a setting is added here and in Config, nowhere
// else. Immutable; safe from any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <inkwell/error.hpp>

#include "config/config.hpp"

namespace inkwell::config {

enum class Type : std::uint8_t {
  text,       ///< std::string; bounds are its length in bytes
  name,       ///< std::string of letters, digits, '-', '_' and '.'; bounds are its length
  path,       ///< std::string; a leading "~/" is the home directory
  choice,     ///< std::string, one of `choices`
  http_url,   ///< std::string: http:// or https://, with no user and no query
  redis_url,  ///< std::string: a URL that may carry a password
  integer,    ///< std::int64_t
  boolean,    ///< bool
  duration,   ///< std::int64_t in milliseconds; bounds too
  size,       ///< std::int64_t in bytes; bounds too
  list,       ///< std::vector<std::string>; commas between them in the environment and on the command line
};

/// A parsed and checked value, whatever its type.
using Value = std::variant<std::string, std::int64_t, bool, std::vector<std::string>>;

struct Bounds {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

struct Setting {
  std::string_view name;  ///< "listen.port": the key in the file
  Type type;
  std::string_view fallback;  ///< the default, as the environment would spell it; empty text and lists mean "not set"
  Bounds bounds;
  std::string_view meaning;  ///< one sentence
  void (*store)(Config&, const Value&);

  std::vector<std::string_view> choices{};
  bool secret = false;                ///< refused on the command line, never printed
  bool lines = false;                 ///< text that may hold line breaks, as PEM does
  bool reloadable = false;            ///< may change while the server runs
  std::string_view secret_file_of{};  ///< not empty: a path whose file holds the value of the secret so named
};

/// Every setting; those without a section first, then section by section.
std::span<const Setting> schema();

/// The setting of that name, or null.
const Setting* find(std::string_view name);

/// "listen.port" -> "INKWELL_LISTEN_PORT".
std::string environment_name(std::string_view name);
/// "listen.port" -> "--listen-port".
std::string flag_name(std::string_view name);

/// What the setting takes, for a refusal: "an integer from 0 to 65535".
std::string accepted(const Setting& setting);

/// Parses and checks text as the environment and the command line give it. The error's message says what is wrong with
/// the value (never repeating a secret), its remedy what is accepted; its code is "bad_value".
Result<Value> parse(const Setting& setting, std::string_view text);

/// The value as text that parse() reads back; a password in a URL is masked, and so is a secret.
std::string printable(const Setting& setting, const Value& value);

/// `url` with whatever stands between "://" and the last '@' of its authority replaced by "***".
std::string mask_url(std::string_view url);
/// Whether `url` carries a password (or anything after a ':' in its user part).
bool has_password(std::string_view url);

/// Every setting at its default.
Config defaults();

}  // namespace inkwell::config

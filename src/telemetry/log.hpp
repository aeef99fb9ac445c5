// Log: one structured line an occurrence, to stderr, as text for people or as JSON for machines. Thread-safe. Never
// given bodies, keys or credentials: what is logged is what is named in a Field, and those are chosen one by one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include <inkwell/error.hpp>

namespace inkwell::telemetry {

enum class Level : std::uint8_t { debug, info, warn, error, off };
enum class Format : std::uint8_t { text, json };

/// "debug", "info", "warn", "error", "off"; anything else is an invalid_argument that lists them.
Result<Level> parse_level(std::string_view name);
/// "text", "json".
Result<Format> parse_format(std::string_view name);

struct LogOptions {
  Level level = Level::info;
  Format format = Format::text;
};

/// One named value of a line. The name is a literal; the value is read during the call only.
struct Field {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double> value;
};

class Log {
 public:
  /// Writes to `out`, which must outlive the log; to stderr when it is null.
  explicit Log(LogOptions options, std::ostream* out = nullptr);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  bool enabled(Level level) const noexcept;
  /// Writes a line when `level` is enabled. Values may hold any byte: they are escaped, so that one occurrence is one
  /// line whatever a client sent.
  void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

 private:
  struct Sink;
  LogOptions options_;
  std::unique_ptr<Sink> sink_;
};

/// The line without its newline; `time` is RFC 3339. Pure.
std::string format_line(Format format, std::string_view time, Level level, std::string_view message,
                        std::initializer_list<Field> fields);

}  // namespace inkwell::telemetry

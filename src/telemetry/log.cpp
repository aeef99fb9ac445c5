#include "telemetry/log.hpp"

#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace inkwell::telemetry {
namespace {

constexpr std::array<std::string_view, 5> kLevels = {"debug", "info", "warn", "error", "off"};
constexpr std::array<std::string_view, 2> kFormats = {"text", "json"};

spdlog::level::level_enum spdlog_level(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

std::string now_text() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), (now - seconds).count());
}

std::string quoted(std::string_view text) { return boost::json::serialize(boost::json::string_view(text)); }

bool plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return false;
  }
  return true;
}

std::string value_text(Format format, const Field& field) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    return format == Format::text && plain(*text) ? std::string(*text) : quoted(*text);
  }
  if (const auto* integer = std::get_if<std::int64_t>(&field.value)) return fmt::format("{}", *integer);
  return fmt::format("{:.3f}", std::get<double>(field.value));
}

}  // namespace

Result<Level> parse_level(std::string_view name) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == name) return static_cast<Level>(i);
  }
  return fail(ErrorKind::invalid_argument, "log_level_invalid", fmt::format("'{}' is not a log level.", name),
              "Use debug, info, warn, error or off.");
}

Result<Format> parse_format(std::string_view name) {
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    if (kFormats[i] == name) return static_cast<Format>(i);
  }
  return fail(ErrorKind::invalid_argument, "log_format_invalid", fmt::format("'{}' is not a log format.", name),
              "Use text or json.");
}

std::string format_line(Format format, std::string_view time, Level level, std::string_view message,
                        std::initializer_list<Field> fields) {
  const std::string_view level_name = kLevels[static_cast<std::size_t>(level)];
  std::string line;
  if (format == Format::text) {
    line = fmt::format("{} {:<5} {}", time, level_name, message);
    for (const Field& field : fields)
      fmt::format_to(std::back_inserter(line), " {}={}", field.name, value_text(format, field));
    return line;
  }
  line = fmt::format(R"({{"time":"{}","level":"{}","message":{})", time, level_name, quoted(message));
  for (const Field& field : fields) {
    fmt::format_to(std::back_inserter(line), ",\"{}\":{}", field.name, value_text(format, field));
  }
  line += '}';
  return line;
}

struct Log::Sink {
  explicit Sink(spdlog::sink_ptr sink) : logger("inkwell", std::move(sink)) {
    logger.set_pattern("%v");
    logger.flush_on(spdlog::level::debug);
  }
  spdlog::logger logger;
};

Log::Log(LogOptions options, std::ostream* out) : options_(options) {
  spdlog::sink_ptr sink;
  if (out) {
    sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(*out);
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
  sink_ = std::make_unique<Sink>(std::move(sink));
  sink_->logger.set_level(spdlog_level(options.level));
}

Log::~Log() = default;

bool Log::enabled(Level level) const noexcept { return level != Level::off && level >= options_.level; }

void Log::write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  const std::string line = format_line(options_.format, now_text(), level, message, fields);
  sink_->logger.log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace inkwell::telemetry

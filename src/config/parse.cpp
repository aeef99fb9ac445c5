// The values of the schema: from text, and back to text that may be shown.
#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/nearest.hpp"
#include "config/quote.hpp"
#include "config/schema.hpp"
#include "config/units.hpp"

namespace inkwell::config {
namespace {

using Refusal = std::unexpected<Error>;

// `what` completes "it is ...". The value is shown unless it may hold a secret.
Refusal refuse(const Setting& setting, std::string_view text, std::string_view what) {
  std::string shown = "the value";
  if (!setting.secret && setting.type != Type::redis_url && setting.type != Type::http_url) shown = quote(text);
  if (setting.type == Type::redis_url || setting.type == Type::http_url) shown = quote(mask_url(text));
  return fail(ErrorKind::invalid_argument, "bad_value", fmt::format("{}: {} {}.", setting.name, shown, what),
              fmt::format("It takes {}.", accepted(setting)));
}

std::string shown_number(const Setting& setting, std::int64_t number) {
  if (setting.type == Type::duration) return format_duration(Duration(number));
  if (setting.type == Type::size) return format_size(number);
  return fmt::format("{}", number);
}

Result<Value> check_bounds(const Setting& setting, std::string_view text, std::int64_t number) {
  if (number < setting.bounds.min)
    return refuse(setting, text, fmt::format("is below {}", shown_number(setting, setting.bounds.min)));
  if (number > setting.bounds.max)
    return refuse(setting, text, fmt::format("is above {}", shown_number(setting, setting.bounds.max)));
  return Value(number);
}

Result<Value> parse_integer(const Setting& setting, std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return refuse(setting, text, "is out of range");
  if (error != std::errc{} || end != text.data() + text.size()) return refuse(setting, text, "is not an integer");
  return check_bounds(setting, text, number);
}

Result<Value> parse_boolean(const Setting& setting, std::string_view text) {
  if (text == "true") return Value(true);
  if (text == "false") return Value(false);
  return refuse(setting, text, "is neither true nor false");
}

Result<Value> parse_duration_value(const Setting& setting, std::string_view text) {
  if (const auto duration = parse_duration(text)) return check_bounds(setting, text, duration->count());
  const bool bare = !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  return refuse(setting, text, bare ? "has no unit" : "is not a duration");
}

Result<Value> parse_size_value(const Setting& setting, std::string_view text) {
  if (const auto size = parse_size(text)) return check_bounds(setting, text, *size);
  return refuse(setting, text, "is not a size");
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

Result<Value> parse_text(const Setting& setting, std::string_view text) {
  if (text.empty() && setting.bounds.min > 0) return refuse(setting, text, "is empty");
  if (static_cast<std::int64_t>(text.size()) > setting.bounds.max) return refuse(setting, text, "is too long");
  const auto refused = [&](char c) { return is_control(c) && !(setting.lines && (c == '\n' || c == '\r')); };
  if (std::ranges::any_of(text, refused)) return refuse(setting, text, "holds a control character");
  if (setting.type == Type::name && !std::ranges::all_of(text, is_name_character))
    return refuse(setting, text, "holds a character that a name may not");
  return Value(std::string(text));
}

Result<Value> parse_choice(const Setting& setting, std::string_view text) {
  if (std::ranges::find(setting.choices, text) != setting.choices.end()) return Value(std::string(text));
  const std::vector<std::string> known(setting.choices.begin(), setting.choices.end());
  return refuse(setting, text, fmt::format("is none of them; the nearest is '{}'", nearest(text, known)));
}

// The part between "://" and the first of '/', '?' and '#'. Whatever has no "://" is taken whole, so that nothing that
// may be a password is overlooked. A password may hold a bare '/' by mistake: the part then reaches to the last '@'.
struct Authority {
  std::size_t start;
  std::size_t length;
};

Authority authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t start = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t at = url.rfind('@');
  std::size_t end = url.find_first_of("/?#", start);
  if (at != std::string_view::npos && at >= start && (end == std::string_view::npos || at > end)) end = at + 1;
  return {start, (end == std::string_view::npos ? url.size() : end) - start};
}

Result<Value> parse_http_url(const Setting& setting, std::string_view text) {
  if (text.empty()) return Value(std::string());
  if (!text.starts_with("http://") && !text.starts_with("https://"))
    return refuse(setting, text, "does not start with http:// or https://");
  const auto [start, length] = authority_of(text);
  const std::string_view authority = text.substr(start, length);
  if (authority.find('@') != std::string_view::npos)
    return refuse(setting, text, "carries a user or a password, which belongs in the api_key setting beside it");
  if (authority.empty() || authority.front() == ':') return refuse(setting, text, "names no host");
  if (text.find_first_of("?#") != std::string_view::npos) return refuse(setting, text, "has a query or a fragment");
  if (text.find(' ') != std::string_view::npos) return refuse(setting, text, "holds a space");
  return parse_text(setting, text);
}

Result<Value> parse_redis_url(const Setting& setting, std::string_view text) {
  if (!text.empty() && text.find("://") == std::string_view::npos)
    return refuse(setting, text, "is not a URL, which would have a scheme such as redis://");
  return parse_text(setting, text);
}

Result<Value> parse_list(const Setting& setting, std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item.empty() || std::ranges::any_of(item, is_control))
      return refuse(setting, item, "is empty or holds a control character");
    items.emplace_back(item);
  }
  if (static_cast<std::int64_t>(items.size()) > setting.bounds.max) return refuse(setting, text, "has too many items");
  return Value(std::move(items));
}

}  // namespace

std::string quote(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string shown = "'";
  for (const char c : text.substr(0, kShown)) {
    if (is_control(c))
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      shown += c;
  }
  shown += text.size() > kShown ? "...'" : "'";
  return shown;
}

std::string accepted(const Setting& setting) {
  const auto range = [&] {
    return fmt::format("from {} to {}", shown_number(setting, setting.bounds.min),
                       shown_number(setting, setting.bounds.max));
  };
  switch (setting.type) {
    case Type::text:
      return setting.bounds.min > 0 ? "text that is not empty" : "text";
    case Type::name:
      return fmt::format("a name of 1 to {} letters, digits, '-', '_' and '.'", setting.bounds.max);
    case Type::path:
      return "a path";
    case Type::choice:
      return fmt::format("one of {}", fmt::join(setting.choices, ", "));
    case Type::http_url:
      return "a URL such as http://127.0.0.1:8080/v1";
    case Type::redis_url:
      return "a URL such as redis://127.0.0.1:6379/0, rediss://cache:6379, unix:///run/redis/redis.sock, "
             "redis-sentinel://a,b,c/master-name or redis-cluster://a,b,c";
    case Type::integer:
      return fmt::format("an integer {}", range());
    case Type::boolean:
      return "true or false";
    case Type::duration:
      return fmt::format("a duration {}, written as 500ms, 30s, 15m, 1h30m or 30d", range());
    case Type::size:
      return fmt::format("a size {}, written as 65536, 64KiB, 64MiB or 1GiB", range());
    case Type::list:
      return fmt::format("a list of at most {} texts", setting.bounds.max);
  }
  return {};
}

Result<Value> parse(const Setting& setting, std::string_view text) {
  switch (setting.type) {
    case Type::integer:
      return parse_integer(setting, text);
    case Type::boolean:
      return parse_boolean(setting, text);
    case Type::duration:
      return parse_duration_value(setting, text);
    case Type::size:
      return parse_size_value(setting, text);
    case Type::choice:
      return parse_choice(setting, text);
    case Type::http_url:
      return parse_http_url(setting, text);
    case Type::redis_url:
      return parse_redis_url(setting, text);
    case Type::list:
      return parse_list(setting, text);
    case Type::text:
    case Type::name:
    case Type::path:
      return parse_text(setting, text);
  }
  return refuse(setting, text, "is of no known type");
}

constexpr std::string_view kSentinelPassword = "sentinel_password=";

std::string mask_url(std::string_view url) {
  const auto [start, length] = authority_of(url);
  const std::string_view authority = url.substr(start, length);
  const std::size_t at = authority.rfind('@');
  std::string masked = at == std::string_view::npos
                           ? std::string(url)
                           : fmt::format("{}***{}", url.substr(0, start), url.substr(start + at));
  const std::size_t of_sentinels = masked.find(kSentinelPassword);
  if (of_sentinels == std::string::npos) return masked;
  const std::size_t value = of_sentinels + kSentinelPassword.size();
  return masked.replace(value, std::min(masked.find('&', value), masked.size()) - value, "***");
}

bool has_password(std::string_view url) {
  const auto [start, length] = authority_of(url);
  const std::string_view authority = url.substr(start, length);
  const std::size_t at = authority.rfind('@');
  if (url.find(kSentinelPassword) != std::string_view::npos) return true;
  return at != std::string_view::npos && authority.substr(0, at).find(':') != std::string_view::npos;
}

std::string printable(const Setting& setting, const Value& value) {
  if (const auto* items = std::get_if<std::vector<std::string>>(&value))
    return fmt::format("{}", fmt::join(*items, ","));
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return shown_number(setting, *number);
  const auto& text = std::get<std::string>(value);
  if (setting.secret) return text.empty() ? "" : "***";
  return setting.type == Type::redis_url || setting.type == Type::http_url ? mask_url(text) : text;
}

}  // namespace inkwell::config

#include "server/origins.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace inkwell::server {
namespace {

bool is_scheme(std::string_view text) {
  return !text.empty() && text.front() >= 'a' && text.front() <= 'z' && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

bool is_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc() && end == text.data() + text.size() && value > 0 && value <= 65535;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

bool is_host(std::string_view text) {
  if (text.starts_with('[')) return text.ends_with(']') && text.size() > 2;
  return is_name(text);
}

/// "host" or "host:port"
bool is_authority(std::string_view text) {
  const auto colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos;
  return is_host(text.substr(0, has_port ? colon : text.size())) && (!has_port || is_port(text.substr(colon + 1)));
}

}  // namespace

Result<OriginList> OriginList::make(const std::vector<std::string>& entries) {
  OriginList list;
  for (const auto& entry : entries) {
    if (entry == "*") {
      list.all_ = true;
      continue;
    }
    const auto end = entry.find("://");
    const auto scheme = std::string_view(entry).substr(0, std::min(end, entry.size()));
    const auto rest = end == std::string::npos ? std::string_view() : std::string_view(entry).substr(end + 3);
    const bool web = scheme == "http" || scheme == "https";
    if (end != std::string::npos && is_scheme(scheme) && rest.starts_with("*.") && is_authority(rest.substr(2))) {
      list.below_.push_back({.scheme = std::string(scheme) + "://", .rest = std::string(rest.substr(1))});
    } else if (entry == "null" ||
               (end != std::string::npos && is_scheme(scheme) && (is_authority(rest) || (!web && rest.empty())))) {
      list.exact_.push_back(entry);
    } else {
      return fail(ErrorKind::invalid_argument, "bad_value", fmt::format("'{}' is no origin of web pages.", entry),
                  "An origin is a scheme, a host and perhaps a port, in lower case: https://example.com:8443.");
    }
  }
  return list;
}

bool OriginList::has(std::string_view origin) const { return (all_ && !origin.empty()) || names(origin); }

bool OriginList::names(std::string_view origin) const {
  if (std::ranges::find(exact_, origin) != exact_.end()) return true;
  return std::ranges::any_of(below_, [&](const Below& below) {
    if (!origin.starts_with(below.scheme) || !origin.ends_with(below.rest)) return false;
    if (origin.size() <= below.scheme.size() + below.rest.size()) return false;
    // What the star stands for is a part of a name, not the end of one and something behind it.
    return is_name(origin.substr(below.scheme.size(), origin.size() - below.scheme.size() - below.rest.size()));
  });
}

std::string_view origin_of_url(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos || scheme == 0) return {};
  const auto end = std::min(url.find_first_of("/?#", scheme + 3), url.size());
  return end == scheme + 3 ? std::string_view() : url.substr(0, end);
}

}  // namespace inkwell::server

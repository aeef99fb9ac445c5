#include "server/cookie.hpp"

namespace inkwell::server {

std::optional<std::string_view> cookie_of(const HttpRequest& request, std::string_view name) {
  const auto [first, last] = request.headers.equal_range(http::field::cookie);
  for (auto field = first; field != last; ++field) {
    std::string_view rest(field->value().data(), field->value().size());
    while (!rest.empty()) {
      const auto end = std::min(rest.find(';'), rest.size());
      auto pair = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      auto value = pair.substr(equals + 1);
      while (value.ends_with(' ')) value.remove_suffix(1);
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace inkwell::server

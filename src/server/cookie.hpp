// Cookies of a request (RFC 6265 section 4.2). Pure.
#pragma once

#include <optional>
#include <string_view>

#include "server/http.hpp"

namespace inkwell::server {

/// The value of the first cookie of that name; names are compared byte for byte.
std::optional<std::string_view> cookie_of(const HttpRequest& request, std::string_view name);

}  // namespace inkwell::server

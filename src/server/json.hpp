// JSON as routes read and write it (RFC 8259, by Boost.JSON): bodies into values with errors that say where, and typed
// fields with errors that name the param. Pure; a key given twice counts as its last.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <inkwell/error.hpp>

#include "server/http.hpp"

namespace inkwell::server {

namespace json = boost::json;

inline constexpr std::size_t kMaxJsonDepth = 64;

/// Parses `text`; invalid_argument says what is wrong at which byte.
Result<json::value> parse_json(std::string_view text);

/// The body of a request, not empty: Content-Type must be application/json (or something+json, or absent).
Result<json::value> json_body(const HttpRequest& request);
/// The body of a request as an object: Content-Type must be application/json (or something+json, or absent), the body
/// not empty.
Result<json::object> json_object_body(const HttpRequest& request);
/// The same, where no body at all means {}.
Result<json::object> optional_json_object_body(const HttpRequest& request);

/// Fields of an object. An absent field and null are the same: nothing. `name` is the key; the error's param is
/// `prefix` and the name ("items[3].role"). Views and pointers live as long as the object.
Result<std::optional<std::string_view>> optional_string(const json::object& object, std::string_view name,
                                                        std::string_view prefix = {});
Result<std::string_view> required_string(const json::object& object, std::string_view name,
                                         std::string_view prefix = {});
/// An integer within [low, high]; a number with a fraction is refused.
Result<std::optional<std::int64_t>> optional_integer(const json::object& object, std::string_view name,
                                                     std::int64_t low, std::int64_t high, std::string_view prefix = {});
Result<std::optional<bool>> optional_bool(const json::object& object, std::string_view name,
                                          std::string_view prefix = {});
Result<const json::object*> optional_object(const json::object& object, std::string_view name,
                                            std::string_view prefix = {});  ///< null when absent
Result<const json::array*> optional_array(const json::object& object, std::string_view name,
                                          std::string_view prefix = {});  ///< null when absent
Result<const json::array*> required_array(const json::object& object, std::string_view name,
                                          std::string_view prefix = {});

/// An integer within [low, high] from the query string.
Result<std::optional<std::int64_t>> query_integer(const HttpRequest& request, std::string_view name, std::int64_t low,
                                                  std::int64_t high);

HttpResponse json_response(const json::value& value, http::status status = http::status::ok);

}  // namespace inkwell::server

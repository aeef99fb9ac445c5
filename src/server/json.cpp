#include "server/json.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <fmt/format.h>

namespace inkwell::server {
namespace {

std::string param_name(std::string_view prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : fmt::format("{}.{}", prefix, name);
}

std::string_view kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
  }
  return "something else";
}

std::unexpected<Error> wrong_type(const json::value& value, std::string_view wanted, std::string param) {
  return std::unexpected<Error>(Error(ErrorKind::invalid_argument, "invalid_type",
                                      fmt::format("'{}' must be {}, not {}.", param, wanted, kind_name(value)))
                                    .with_param(param));
}

std::unexpected<Error> missing(std::string param) {
  return std::unexpected<Error>(
      Error(ErrorKind::invalid_argument, "missing_required_parameter", fmt::format("'{}' is required.", param))
          .with_param(param));
}

std::unexpected<Error> out_of_range(std::int64_t low, std::int64_t high, std::string param) {
  return std::unexpected<Error>(
      Error(ErrorKind::invalid_argument, "out_of_range", fmt::format("'{}' must be from {} to {}.", param, low, high))
          .with_param(param));
}

/// The value under `name`, unless it is absent or null.
const json::value* present(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name));
  return value && !value->is_null() ? value : nullptr;
}

bool is_json(std::string_view content_type) {
  auto media = content_type.substr(0, content_type.find(';'));
  while (media.ends_with(' ') || media.ends_with('\t')) media.remove_suffix(1);
  constexpr std::string_view kSuffix = "+json";
  return boost::beast::iequals(media, "application/json") ||
         (media.size() > kSuffix.size() && boost::beast::iequals(media.substr(media.size() - kSuffix.size()), kSuffix));
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::parser parser({}, options);
  boost::system::error_code ec;
  const std::size_t read = parser.write_some(text.data(), text.size(), ec);
  if (!ec && read < text.size()) ec = json::error::extra_data;
  if (ec) {
    return fail(ErrorKind::invalid_argument, "invalid_json",
                fmt::format("The body is not valid JSON: {} at byte {}.", ec.message(), read));
  }
  return parser.release();
}

Result<json::value> json_body(const HttpRequest& request) {
  const auto type = request.header("Content-Type");
  if (type && !is_json(*type)) {
    return fail(ErrorKind::invalid_argument, "unsupported_content_type", "The body's Content-Type is not JSON.",
                "Send 'Content-Type: application/json'.");
  }
  if (request.body.empty())
    return fail(ErrorKind::invalid_argument, "invalid_json", "The body is empty.", "Send a JSON object.");
  return parse_json(request.body);
}

Result<json::object> json_object_body(const HttpRequest& request) {
  auto value = json_body(request);
  if (!value) return std::unexpected(std::move(value.error()));
  if (!value->is_object()) {
    return fail(ErrorKind::invalid_argument, "invalid_json",
                fmt::format("The body must be a JSON object, not {}.", kind_name(*value)));
  }
  return std::move(value->get_object());
}

Result<json::object> optional_json_object_body(const HttpRequest& request) {
  if (request.body.empty()) return json::object();
  return json_object_body(request);
}

Result<std::optional<std::string_view>> optional_string(const json::object& object, std::string_view name,
                                                        std::string_view prefix) {
  const auto* value = present(object, name);
  if (!value) return std::nullopt;
  const auto* text = value->if_string();
  if (!text) return wrong_type(*value, "a string", param_name(prefix, name));
  return std::string_view(text->data(), text->size());
}

Result<std::string_view> required_string(const json::object& object, std::string_view name, std::string_view prefix) {
  auto text = optional_string(object, name, prefix);
  if (!text) return std::unexpected(std::move(text.error()));
  if (!*text) return missing(param_name(prefix, name));
  return **text;
}

Result<std::optional<std::int64_t>> optional_integer(const json::object& object, std::string_view name,
                                                     std::int64_t low, std::int64_t high, std::string_view prefix) {
  const auto* value = present(object, name);
  if (!value) return std::nullopt;
  if (value->is_uint64()) return out_of_range(low, high, param_name(prefix, name));  // only what int64 cannot hold
  const auto* integer = value->if_int64();
  if (!integer) return wrong_type(*value, "an integer", param_name(prefix, name));
  if (*integer < low || *integer > high) return out_of_range(low, high, param_name(prefix, name));
  return *integer;
}

Result<std::optional<bool>> optional_bool(const json::object& object, std::string_view name, std::string_view prefix) {
  const auto* value = present(object, name);
  if (!value) return std::nullopt;
  const auto* flag = value->if_bool();
  if (!flag) return wrong_type(*value, "a boolean", param_name(prefix, name));
  return *flag;
}

Result<const json::object*> optional_object(const json::object& object, std::string_view name,
                                            std::string_view prefix) {
  const auto* value = present(object, name);
  if (!value) return nullptr;
  if (!value->is_object()) return wrong_type(*value, "an object", param_name(prefix, name));
  return &value->get_object();
}

Result<const json::array*> optional_array(const json::object& object, std::string_view name, std::string_view prefix) {
  const auto* value = present(object, name);
  if (!value) return nullptr;
  if (!value->is_array()) return wrong_type(*value, "an array", param_name(prefix, name));
  return &value->get_array();
}

Result<const json::array*> required_array(const json::object& object, std::string_view name, std::string_view prefix) {
  auto array = optional_array(object, name, prefix);
  if (!array) return std::unexpected(std::move(array.error()));
  if (!*array) return missing(param_name(prefix, name));
  return *array;
}

Result<std::optional<std::int64_t>> query_integer(const HttpRequest& request, std::string_view name, std::int64_t low,
                                                  std::int64_t high) {
  const auto text = request.query_param(name);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  const auto* const end = text->data() + text->size();
  const auto [stopped, ec] =
      std::from_chars(text->data(), end, number);  // NOLINT(bugprone-suspicious-stringview-data-usage): `end` bounds it
  if (ec == std::errc::invalid_argument || stopped != end) {
    return std::unexpected<Error>(
        Error(ErrorKind::invalid_argument, "invalid_type", fmt::format("'{}' must be an integer.", name))
            .with_param(std::string(name)));
  }
  if (ec != std::errc{} || number < low || number > high) return out_of_range(low, high, std::string(name));
  return number;
}

HttpResponse json_response(const json::value& value, http::status status) {
  HttpResponse response;
  response.status = status;
  response.body = json::serialize(value);
  return response;
}

}  // namespace inkwell::server

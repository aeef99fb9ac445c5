#include "server/http.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cassert>
#include <fmt/chrono.h>
#include <fmt/format.h>

namespace inkwell::server {
namespace {

std::string_view type_of(http::status status, std::string_view error_code) noexcept {
  if (error_code == "insufficient_quota") return error_code;
  const auto code = static_cast<unsigned>(status);
  if (code == 429) return "rate_limit_error";
  return code >= 500 ? "server_error" : "invalid_request_error";
}

HttpResponse make_error(http::status status, std::string_view code, std::string_view message,
                        const std::optional<std::string>& param) {
  boost::json::object error;
  error["message"] = boost::json::string_view(message);
  error["type"] = boost::json::string_view(type_of(status, code));
  if (param) {
    error["param"] = *param;
  } else {
    error["param"] = nullptr;
  }
  error["code"] = boost::json::string_view(code);
  boost::json::object body;
  body["error"] = std::move(error);
  HttpResponse response;
  response.status = status;
  response.body = boost::json::serialize(body);
  return response;
}

/// What a WWW-Authenticate header says of the error (RFC 6750 section 3); empty where it has none.
std::string_view challenge_for(const Error& error) {
  if (error.code() == "insufficient_scope") return R"(Bearer error="insufficient_scope")";
  if (error.code() == "invalid_authorization") return R"(Bearer error="invalid_request")";
  if (error.kind() != ErrorKind::unauthenticated) return {};
  return error.code().starts_with("missing_") ? "Bearer" : R"(Bearer error="invalid_token")";
}

}  // namespace

std::string_view method_name(http::verb method) noexcept {
  if (method == http::verb::unknown) return "QUERY";
  const auto name = http::to_string(method);
  return {name.data(), name.size()};
}

std::optional<std::string_view> HttpRequest::query_param(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string_view HttpRequest::path_param(std::string_view name) const {
  for (const auto& [key, value] : path_params) {
    if (key == name) return value;
  }
  assert(false && "the route's template has no such name");
  return {};
}

std::optional<std::string_view> HttpRequest::header(std::string_view name) const {
  const auto it = headers.find(boost::beast::string_view(name.data(), name.size()));
  if (it == headers.end()) return std::nullopt;
  return std::string_view(it->value().data(), it->value().size());
}

http::status status_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::invalid_argument:
      return http::status::bad_request;
    case ErrorKind::not_found:
      return http::status::not_found;
    case ErrorKind::conflict:
      return http::status::conflict;
    case ErrorKind::precondition_failed:
      return http::status::precondition_failed;
    case ErrorKind::unauthenticated:
      return http::status::unauthorized;
    case ErrorKind::permission_denied:
      return http::status::forbidden;
    case ErrorKind::too_large:
      return http::status::payload_too_large;
    case ErrorKind::quota_exceeded:
      return http::status::too_many_requests;
    case ErrorKind::overloaded:
    case ErrorKind::unavailable:
    case ErrorKind::cancelled:
      return http::status::service_unavailable;
    case ErrorKind::deadline_exceeded:
      return http::status::gateway_timeout;
    case ErrorKind::upstream:
      return http::status::bad_gateway;
    case ErrorKind::data_corrupt:
    case ErrorKind::internal:
      return http::status::internal_server_error;
  }
  return http::status::internal_server_error;
}

HttpResponse error_response(const Error& error) {
  const auto status = status_of(error.kind());
  HttpResponse response = make_error(status, error.code(), error.to_string(), error.param());
  auto wait = error.retry_after();
  if (!wait && status == http::status::service_unavailable && !error.outcome_unknown()) wait = std::chrono::seconds(1);
  if (wait) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*wait);
    response.headers.emplace_back("Retry-After", fmt::format("{}", seconds.count()));
    response.headers.emplace_back("retry-after-ms", fmt::format("{}", wait->count()));
  }
  // The official OpenAI SDKs retry 408, 409, 429 and 5xx by themselves unless this header says otherwise. A write that
  // may have been applied, or a conflict that will be one again, must not be.
  // So it is with a quota that no wait gives back.
  const bool used_up = error.kind() == ErrorKind::quota_exceeded && !wait;
  if (error.outcome_unknown() || error.kind() == ErrorKind::conflict || used_up) {
    response.headers.emplace_back("x-should-retry", "false");
  }
  if (const auto challenge = challenge_for(error); !challenge.empty()) {
    response.headers.emplace_back("WWW-Authenticate", challenge);
  }
  return response;
}

HttpResponse error_response(http::status status, std::string_view code, std::string_view message) {
  return make_error(status, code, message, std::nullopt);
}

std::string http_date(std::chrono::system_clock::time_point time) {
  // The names are English whatever the locale: fmt uses the C locale unless asked with L.
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace inkwell::server

#include "server/cors.hpp"

#include <fmt/format.h>

namespace inkwell::server {
namespace {

/// Beside those that any page may send or read.
constexpr const char* kRequestHeaders =
    "Authorization, Cache-Control, Content-Type, Idempotency-Key, If-Match, If-None-Match, Inkwell-Owner, "
    "Last-Event-ID, "
    "x-request-id";
constexpr const char* kResponseHeaders =
    "ETag, Idempotent-Replayed, Last-Event-ID, Link, Mercure-Last-Event-ID, Retry-After, X-Inkwell-Gap, x-request-id";
/// How long a browser keeps what a preflight said; none keeps it for longer than two hours.
constexpr const char* kMaxAge = "7200";

}  // namespace

Cors::Headers Cors::headers_for(const HttpRequest& request) const {
  Headers headers;
  if (origins_.empty()) return headers;
  const auto origin = request.header("Origin").value_or("");
  const bool named = origins_.names(origin);
  if (named) {
    headers.emplace_back("Access-Control-Allow-Origin", origin);
    headers.emplace_back("Access-Control-Allow-Credentials", "true");
  } else if (origins_.all() && !origin.empty()) {
    headers.emplace_back("Access-Control-Allow-Origin", "*");
  }
  if (!headers.empty()) headers.emplace_back("Access-Control-Expose-Headers", kResponseHeaders);
  headers.emplace_back("Vary", "Origin");
  return headers;
}

std::string Cors::lines_for(const HttpRequest& request) const {
  std::string lines;
  for (const auto& [name, value] : headers_for(request)) lines += fmt::format("{}: {}\r\n", name, value);
  return lines;
}

void Cors::add_to(const HttpRequest& request, HttpResponse& response) const {
  for (auto& header : headers_for(request)) response.headers.push_back(std::move(header));
}

std::optional<HttpResponse> Cors::preflight(const HttpRequest& request, std::string_view allow) const {
  const bool asks = request.method == http::verb::options && request.header("Access-Control-Request-Method");
  if (!asks || !origins_.has(request.header("Origin").value_or(""))) return std::nullopt;
  HttpResponse response;  // who may read it is added as to every answer
  response.status = http::status::no_content;
  response.headers.emplace_back("Access-Control-Allow-Methods", allow);
  response.headers.emplace_back("Access-Control-Allow-Headers", kRequestHeaders);
  response.headers.emplace_back("Access-Control-Max-Age", kMaxAge);
  return response;
}

}  // namespace inkwell::server

// /healthz: the process answers. /readyz: it can do its work. /metrics: what it has done.
#include <boost/json/object.hpp>

#include "server/connections.hpp"
#include "server/json.hpp"
#include "server/metrics.hpp"
#include "server/router.hpp"
#include "server/routes/routes.hpp"
#include "server/shared.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

HttpResponse status_response(http::status status, std::string_view word, std::string_view reason) {
  boost::json::object body;
  body["status"] = boost::json::string_view(word);
  if (!reason.empty()) body["reason"] = boost::json::string_view(reason);
  HttpResponse response = json_response(std::move(body), status);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

asio::awaitable<HandlerResult> healthz(Worker&, HttpRequest&) {
  HttpResponse response = status_response(http::status::ok, "ok", {});
  co_return response;
}

/// Why this server cannot do its work, or nothing.
std::string_view unready_reason(Worker& worker) {
  if (worker.connections().draining()) return "draining";
  if (!worker.redis().connected()) return "redis_not_connected";
  for (const auto& other : worker.shared().workers) {
    if (other.get() != &worker && !other->part_stats().redis.connected) return "redis_not_connected";
  }
  return {};
}

asio::awaitable<HandlerResult> readyz(Worker& worker, HttpRequest&) {
  const auto reason = unready_reason(worker);
  HttpResponse response = reason.empty() ? status_response(http::status::ok, "ready", {})
                                         : status_response(http::status::service_unavailable, "unready", reason);
  co_return response;
}

asio::awaitable<HandlerResult> metrics(Worker& worker, HttpRequest&) {
  HttpResponse response;
  response.body = metrics_text(worker.shared());
  response.content_type = telemetry::Exposition::kContentType;
  co_return response;
}

}  // namespace

void add_health_routes(Router& router) {
  router.add({http::verb::get, "/healthz", Access::open, healthz});
  router.add({http::verb::get, "/readyz", Access::open, readyz});
  router.add({http::verb::get, "/metrics", Access::authenticated, metrics});
}

}  // namespace inkwell::server

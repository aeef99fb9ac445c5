// Router: method and path template -> handler. Built once at start, then read by all workers without a lock.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/http.hpp"

namespace inkwell::server {

class Worker;

/// Runs on the worker's thread; the request lives until the returned coroutine has ended. May throw nothing.
using Handler = std::function<asio::awaitable<HandlerResult>(Worker& worker, HttpRequest& request)>;

enum class Access : std::uint8_t {
  open,           ///< health: never needs credentials
  authenticated,  ///< needs credentials whenever authentication is configured
};

struct Route {
  http::verb method;
  std::string path;  ///< "/v1/conversations/{id}/items": a {name} matches one non-empty segment
  Access access = Access::authenticated;
  Handler handler;
};

class Router {
 public:
  /// Two routes of one method and the same shape are a bug: throws std::logic_error.
  void add(Route route);

  struct NotFound {};
  struct MethodNotAllowed {
    std::string allow;  ///< value of the Allow header
  };
  using Match = std::variant<const Route*, NotFound, MethodNotAllowed>;
  /// Fills `request.path_params` when it finds one. Literal segments win over {name}s.
  Match match(HttpRequest& request) const;

  const std::vector<Route>& routes() const noexcept { return routes_; }

 private:
  std::vector<Route> routes_;
};

}  // namespace inkwell::server

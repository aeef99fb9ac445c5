// Router: method and path template -> handler. Built once at start, then read by all workers without a lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "server/access.hpp"
#include "server/http.hpp"

namespace inkwell::server {

class Worker;

/// Runs on the worker's thread; the request lives until the returned coroutine has ended. May throw nothing.
using Handler = std::function<asio::awaitable<HandlerResult>(Worker& worker, HttpRequest& request)>;

/// The same for a body that is taken as it arrives. What it leaves unread ends the connection after the answer.
using BodyHandler =
    std::function<asio::awaitable<HandlerResult>(Worker& worker, HttpRequest& request, BodyStream& body)>;

struct Route {
  http::verb method;  ///< verb::unknown: QUERY
  std::string path;   ///< "/v1/conversations/{id}/items": a {name} matches one non-empty segment
  Access access = Access::authenticated;
  Handler handler{};
  BodyHandler body_handler{};      ///< instead of `handler`
  std::size_t max_body_bytes = 0;  ///< larger bodies get 413 before they are read; 0: the server's limit
  std::size_t index = 0;           ///< its place in Router::routes(), by which it is counted; set by add()
};

class Router {
 public:
  Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  /// Two routes of one method and the same shape are a bug: throws std::logic_error.
  void add(Route route);

  struct NotFound {};
  struct MethodNotAllowed {
    std::string allow;  ///< value of the Allow header
  };
  using Match = std::variant<const Route*, NotFound, MethodNotAllowed>;
  /// Fills `request.path_params` when it finds one. Literal segments win over {name}s. A HEAD request finds the GET
  /// route of its path. Reads `request.method`, `request.is_query` and
  /// `request.raw_path`.
  Match match(HttpRequest& request) const;

  const std::deque<Route>& routes() const noexcept { return routes_; }

 private:
  struct Node;
  std::deque<Route> routes_;  // a deque: routes don't move when more are added
  std::unique_ptr<Node> root_;
};

}  // namespace inkwell::server

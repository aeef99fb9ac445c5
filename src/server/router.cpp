#include "server/router.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>

#include "server/target.hpp"

namespace inkwell::server {
namespace {

/// Takes the first segment off `path`, which starts with '/': "/a/b" gives "a" and leaves "/b".
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const auto end = std::min(path.find('/'), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

bool is_param(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }

}  // namespace

// A trie of segments. Children are tried literal first, then the parameter: depth is bounded by the templates', so is
// the backtracking.
struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> param;
  std::vector<const Route*> routes;  // one a method

  const Route* find(http::verb method) const {
    for (const Route* route : routes) {
      if (route->method == method) return route;
    }
    return nullptr;
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

void Router::add(Route route) {
  if (!route.path.starts_with('/')) throw std::logic_error("a route's path starts with '/': " + route.path);
  Node* node = root_.get();
  for (std::string_view rest = route.path; !rest.empty();) {
    const auto segment = take_segment(rest);
    auto& child = is_param(segment) ? node->param : node->literals[std::string(segment)];
    if (!child) child = std::make_unique<Node>();
    node = child.get();
  }
  if (node->find(route.method)) throw std::logic_error("two routes answer the same method at " + route.path);
  route.index = routes_.size();
  node->routes.push_back(&routes_.emplace_back(std::move(route)));
}

namespace {

/// Fills the values that the {name}s of `route` matched: its template and the path have the same segments.
void fill_params(const Route& route, HttpRequest& request) {
  request.path_params.clear();
  std::string_view shape = route.path;
  std::string_view path = request.raw_path;
  while (!shape.empty()) {
    const auto name = take_segment(shape);
    const auto value = take_segment(path);
    if (!is_param(name)) continue;
    // parse_target has refused what cannot be decoded; a request made by hand may still hold it.
    request.path_params.emplace_back(name.substr(1, name.size() - 2),
                                     percent_decode(value).value_or(std::string(value)));
  }
}

std::string allow_value(const std::vector<http::verb>& methods) {
  std::string out;
  for (const auto method : methods) {
    if (!out.empty()) out += ", ";
    out += method_name(method);
    if (method == http::verb::get) out += ", HEAD";
  }
  return out;
}

}  // namespace

Router::Match Router::match(HttpRequest& request) const {
  const auto method = request.method == http::verb::head ? http::verb::get : request.method;
  std::vector<http::verb> others;
  const Route* found = nullptr;
  const auto walk = [&](const auto& self, const Node& node, std::string_view rest) -> bool {
    if (rest.empty()) {
      if (method != http::verb::unknown || request.is_query) found = node.find(method);
      for (const Route* route : node.routes) others.push_back(route->method);
      return found != nullptr;
    }
    const auto segment = take_segment(rest);
    const auto decoded = segment.find('%') == std::string_view::npos ? std::nullopt : percent_decode(segment);
    const auto literal = node.literals.find(decoded ? std::string_view(*decoded) : segment);
    if (literal != node.literals.end() && self(self, *literal->second, rest)) return true;
    return !segment.empty() && node.param && self(self, *node.param, rest);
  };
  if (!request.raw_path.starts_with('/')) return NotFound{};
  if (walk(walk, *root_, request.raw_path)) {
    fill_params(*found, request);
    return found;
  }
  if (others.empty()) return NotFound{};
  return MethodNotAllowed{allow_value(others)};
}

}  // namespace inkwell::server

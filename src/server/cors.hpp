// Cors: what pages of other origins may read (https://fetch.spec.whatwg.org/#http-cors-protocol). An origin that is
// listed by name may send the user's cookies and is named back; "*" lets every page in, without cookies. Immutable; any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http.hpp"
#include "server/origins.hpp"

namespace inkwell::server {

class Cors {
 public:
  explicit Cors(OriginList origins) : origins_(std::move(origins)) {}

  /// Whether pages of this origin were named: they may use the server as its own pages may.
  bool trusts(std::string_view origin) const { return origins_.names(origin); }

  /// The header lines, each ending in CRLF, that an answer to `request` needs; empty where there are none.
  std::string lines_for(const HttpRequest& request) const;
  void add_to(const HttpRequest& request, HttpResponse& response) const;

  /// The answer to a preflight by a page that may go on; `allow` are the path's methods. Nothing for other requests.
  std::optional<HttpResponse> preflight(const HttpRequest& request, std::string_view allow) const;

 private:
  using Headers = std::vector<std::pair<std::string, std::string>>;
  Headers headers_for(const HttpRequest& request) const;

  OriginList origins_;
};

}  // namespace inkwell::server

// PageGuard: keeps web pages away from a server that asks for no credentials. Such a server listens on loopback only,
// but every browser of the machine reaches it: a page of a foreign origin can post to it, and one whose name is rebound
// to 127.0.0.1 could read it too. Immutable; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "server/http.hpp"

namespace inkwell::server {

class PageGuard {
 public:
  /// `hosts` are names (without ports) that the server is also known by, behind a proxy for example.
  explicit PageGuard(std::vector<std::string> hosts);

  /// Nothing when the request may pass, else the reason. It passes when its Host is an address, a name of this machine
  /// (localhost, *.localhost, a name without a dot) or one of `hosts`, and its Origin, if it has one, is that very host
  /// and port, is loopback, or is one of `hosts`. Programs that are no browsers send no Origin.
  /// Pages of an origin that is trusted otherwise pass as well, under the same names.
  std::optional<Error> refuse(const HttpRequest& request, bool trusted_origin = false) const;

 private:
  bool listed(std::string_view host) const;
  bool own_name(std::string_view host) const;

  std::vector<std::string> hosts_;
};

}  // namespace inkwell::server

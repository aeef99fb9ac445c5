#include "server/page_guard.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>

namespace inkwell::server {
namespace {

/// The host of "host[:port]", without the brackets of an IPv6 address and the final dot of a name.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    return end == std::string_view::npos ? std::string_view() : authority.substr(1, end - 1);
  }
  auto host = authority.substr(0, authority.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

std::optional<asio::ip::address> address_of(std::string_view host) {
  boost::system::error_code ec;
  auto address = asio::ip::make_address(std::string(host), ec);
  if (ec) return std::nullopt;
  return address;
}

bool is_localhost(std::string_view host) {
  constexpr std::string_view kName = "localhost";
  if (boost::beast::iequals(host, kName)) return true;
  return host.size() > kName.size() + 1 && host[host.size() - kName.size() - 1] == '.' &&
         boost::beast::iequals(host.substr(host.size() - kName.size()), kName);
}

bool is_loopback(std::string_view host) {
  if (is_localhost(host)) return true;
  const auto address = address_of(host);
  return address && address->is_loopback();
}

/// The authority of "http://host:port"; nothing when an origin has none, as "null" and those of browser extensions.
std::string_view authority_of(std::string_view origin) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) return origin.substr(scheme.size());
  }
  return {};
}

}  // namespace

PageGuard::PageGuard(std::vector<std::string> hosts) : hosts_(std::move(hosts)) {}

bool PageGuard::listed(std::string_view host) const {
  return std::ranges::any_of(hosts_, [&](const std::string& name) { return boost::beast::iequals(host, name); });
}

bool PageGuard::own_name(std::string_view host) const {
  // No name is resolved to reach an address, and nobody outside answers for a name without a dot: neither is rebound.
  return is_localhost(host) || address_of(host) || (!host.empty() && host.find('.') == std::string_view::npos) ||
         listed(host);
}

std::optional<Error> PageGuard::refuse(const HttpRequest& request, bool trusted_origin) const {
  const auto authority = request.header("Host").value_or("");
  if (!authority.empty() && !own_name(host_of(authority))) {
    return Error(ErrorKind::permission_denied, "foreign_host",
                 "A server without an API key answers to its address and to localhost only.",
                 "Configure auth.api_key, or name the host in server.allowed_hosts.");
  }
  const auto origin = request.header("Origin");
  if (!origin || trusted_origin) return std::nullopt;
  const auto theirs = authority_of(*origin);
  const auto host = host_of(theirs);
  const bool same = !theirs.empty() && boost::beast::iequals(theirs, authority);
  if (same || is_loopback(host) || listed(host)) return std::nullopt;
  return Error(ErrorKind::permission_denied, "foreign_origin",
               "A server without an API key takes no requests from pages of other origins.",
               "Configure auth.api_key, or name the origin in server.cors_origins.");
}

}  // namespace inkwell::server

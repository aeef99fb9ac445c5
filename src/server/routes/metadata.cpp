// What the hub says of itself to who wants a token for it (RFC 9728): /.well-known/oauth-protected-resource followed by
// the hub's path. Open: it is read before there is a token.
#include "server/json.hpp"
#include "server/jwt/token_verifier.hpp"
#include "server/router.hpp"
#include "server/routes/routes.hpp"
#include "server/shared.hpp"
#include "server/worker.hpp"

namespace inkwell::server {
namespace {

json::array array_of(std::initializer_list<std::string_view> texts) {
  json::array array;
  for (const auto text : texts) array.emplace_back(text);
  return array;
}

asio::awaitable<HandlerResult> metadata(Worker& worker, HttpRequest& request) {
  const Authenticator& authenticator = worker.shared().authenticator;
  const auto& tokens = authenticator.tokens();
  if (!tokens.verifier) {
    co_return error_response(http::status::not_found, "unknown_path", "This server takes no tokens.");
  }
  json::object object;
  object["resource"] =
      tokens.verifier->audience().empty() ? authenticator.hub_url(request) : tokens.verifier->audience();
  object["bearer_methods_supported"] = array_of({"header"});
  object["authorization_details_types_supported"] = array_of({"https://mercure.rocks/authorization-detail"});
  object["mercure_cookie"] = tokens.cookie;
  json::array servers;
  for (const auto& issuer : tokens.verifier->issuers()) {
    if (issuer.starts_with("https://")) servers.emplace_back(issuer);  // RFC 8414 section 2: an issuer's URL is that
  }
  if (!servers.empty()) object["authorization_servers"] = std::move(servers);
  HttpResponse response = json_response(std::move(object));
  response.headers.emplace_back("Cache-Control", "no-store");  // what it says may depend on the Host
  co_return response;
}

}  // namespace

void add_metadata_routes(Router& router) {
  router.add({.method = http::verb::get,
              .path = "/.well-known/oauth-protected-resource/.well-known/mercure",
              .access = Access::open,
              .handler = metadata});
}

}  // namespace inkwell::server

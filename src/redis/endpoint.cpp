#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <utility>

#include <inkwell/redis/options.hpp>

namespace inkwell::redis {
namespace {

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorKind::invalid_argument, "bad_redis_url", std::move(message),
              "Write redis://[user:password@]host[:port][/db] or unix:///path/to.sock[?db=N].");
}

Result<std::uint32_t> database_of(std::string_view text) {
  std::uint32_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc{} || end.ptr != text.data() + text.size()) {
    return refuse("The database '" + std::string(text) + "' in the Redis URL is not a number.");
  }
  return value;
}

Result<Endpoint> tcp_endpoint(const boost::urls::url_view& url, Endpoint endpoint) {
  if (url.host().empty()) return refuse("The Redis URL names no host.");
  endpoint.host = url.host_address();
  if (url.has_port()) {
    if (url.port_number() == 0) return refuse("The port in the Redis URL is not a number from 1 to 65535.");
    endpoint.port = url.port_number();
  }
  for (const auto& parameter : url.params()) {
    return refuse("The parameter '" + parameter.key + "' of the redis:// URL is unknown.");
  }
  std::string path = url.path();
  if (path.starts_with('/')) path.erase(0, 1);
  if (path.empty()) return endpoint;
  const auto database = database_of(path);
  if (!database) return std::unexpected(database.error());
  endpoint.database = *database;
  return endpoint;
}

Result<Endpoint> unix_endpoint(const boost::urls::url_view& url, Endpoint endpoint) {
  if (!url.host().empty()) return refuse("A unix:// URL takes an absolute path: unix:///path/to.sock.");
  endpoint.unix_path = url.path();
  if (endpoint.unix_path.size() < 2) return refuse("The unix:// URL names no socket.");
  bool named = false;
  for (const auto& parameter : url.params()) {
    if (parameter.key != "db") return refuse("The parameter '" + parameter.key + "' of the unix:// URL is unknown.");
    if (std::exchange(named, true)) return refuse("The unix:// URL names its database twice.");
    const auto database = database_of(parameter.value);
    if (!database) return std::unexpected(database.error());
    endpoint.database = *database;
  }
  return endpoint;
}

}  // namespace

std::string Endpoint::to_string() const {
  if (!unix_path.empty()) return "unix://" + unix_path;
  const bool v6 = host.find(':') != std::string::npos;
  return "redis://" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + "/" + std::to_string(database);
}

Result<Endpoint> parse_url(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return refuse("The Redis URL is malformed.");
  const boost::urls::url_view& url = *parsed;
  Endpoint endpoint;
  endpoint.username = url.user();
  endpoint.password = url.password();
  if (url.scheme() == "redis") return tcp_endpoint(url, std::move(endpoint));
  if (url.scheme() == "unix") return unix_endpoint(url, std::move(endpoint));
  return refuse("The scheme '" + std::string(url.scheme()) + "' of the Redis URL is unknown.");
}

}  // namespace inkwell::redis

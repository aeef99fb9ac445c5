#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <utility>

#include <inkwell/redis/options.hpp>

namespace inkwell::redis {
namespace {

constexpr std::uint16_t kPort = 6379;
constexpr std::uint16_t kSentinelPort = 26379;

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorKind::invalid_argument, "bad_redis_url", std::move(message),
              "Write redis://[user:password@]host[:port][/db], unix:///path/to.sock[?db=N], "
              "redis-sentinel://host[:port],.../master-name or redis-cluster://host[:port],...; with rediss for TLS.");
}

Result<std::uint32_t> database_of(std::string_view text) {
  std::uint32_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc{} || end.ptr != text.data() + text.size()) {
    return refuse("The database '" + std::string(text) + "' in the Redis URL is not a number.");
  }
  return value;
}

// The names of the first four are those of redis-cli's flags.
Result<void> read_parameter(const std::string& key, const std::string& value, Endpoint& endpoint) {
  Tls* const tls = endpoint.tls ? &*endpoint.tls : nullptr;
  const bool sentinel = endpoint.topology == Topology::sentinel;
  std::string* const text = tls != nullptr && key == "cacert"        ? &tls->ca_file
                            : tls != nullptr && key == "cert"        ? &tls->cert_file
                            : tls != nullptr && key == "key"         ? &tls->key_file
                            : tls != nullptr && key == "sni"         ? &tls->server_name
                            : sentinel && key == "sentinel_username" ? &endpoint.sentinel_username
                            : sentinel && key == "sentinel_password" ? &endpoint.sentinel_password
                                                                     : nullptr;
  const bool flag = tls != nullptr && key == "insecure";
  if (text == nullptr && !flag)
    return refuse("The parameter '" + key + "' of the Redis URL is unknown for its scheme.");
  if (text != nullptr ? value.empty() : value != "true" && value != "false")
    return refuse("The parameter '" + key + "' of the Redis URL has a value it can't have.");
  if (text != nullptr) *text = value;
  if (flag) tls->verify = value == "false";
  return {};
}

Result<void> read_parameters(const boost::urls::url_view& url, Endpoint& endpoint) {
  for (const auto& parameter : url.params()) {
    auto understood = read_parameter(parameter.key, parameter.value, endpoint);
    if (!understood) return understood;
  }
  if (endpoint.tls && endpoint.tls->cert_file.empty() != endpoint.tls->key_file.empty())
    return refuse("The Redis URL names one of cert and key; a client certificate takes both.");
  return {};
}

Result<HostPort> host_of(const boost::urls::url_view& url, std::uint16_t fallback) {
  if (url.host().empty()) return refuse("The Redis URL names no host.");
  HostPort at{url.host_address(), fallback};
  if (!url.has_port()) return at;
  if (url.port_number() == 0) return refuse("The port in the Redis URL is not a number from 1 to 65535.");
  at.port = url.port_number();
  return at;
}

Result<void> read_database(std::string path, Endpoint& endpoint) {
  if (path.starts_with('/')) path.erase(0, 1);
  if (path.empty()) return {};
  const auto database = database_of(path);
  if (!database) return std::unexpected(database.error());
  endpoint.database = *database;
  return {};
}

Result<Endpoint> tcp_endpoint(const boost::urls::url_view& url, Endpoint endpoint) {
  auto at = host_of(url, kPort);
  if (!at) return std::unexpected(at.error());
  endpoint.host = std::move(at->host);
  endpoint.port = at->port;
  auto parameters = read_parameters(url, endpoint);
  if (!parameters) return std::unexpected(parameters.error());
  auto database = read_database(url.path(), endpoint);
  if (!database) return std::unexpected(database.error());
  return endpoint;
}

Result<Endpoint> master_endpoint(const boost::urls::url_view& url, Endpoint endpoint) {
  std::string path = url.path();
  if (path.starts_with('/')) path.erase(0, 1);
  const auto slash = path.find('/');
  endpoint.master_name = path.substr(0, slash);
  if (endpoint.master_name.empty())
    return refuse("The redis-sentinel:// URL doesn't name the master: redis-sentinel://host/master-name.");
  auto parameters = read_parameters(url, endpoint);
  if (!parameters) return std::unexpected(parameters.error());
  auto database = read_database(slash == std::string::npos ? "" : path.substr(slash), endpoint);
  if (!database) return std::unexpected(database.error());
  return endpoint;
}

Result<Endpoint> cluster_endpoint(const boost::urls::url_view& url, Endpoint endpoint) {
  if (url.path() != "" && url.path() != "/") return refuse("A cluster has no databases: leave the URL's path away.");
  auto parameters = read_parameters(url, endpoint);
  if (!parameters) return std::unexpected(parameters.error());
  return endpoint;
}

// Several hosts are no URL of RFC 3986: each is read as the host of one that is. The last one's stands for the rest.
Result<Endpoint> many_hosts(std::string_view text, std::string_view scheme) {
  Endpoint endpoint;
  if (scheme.starts_with("rediss")) endpoint.tls.emplace();
  const bool sentinel = scheme.ends_with("sentinel");
  endpoint.topology = sentinel ? Topology::sentinel : Topology::cluster;
  const std::string_view after = text.substr(scheme.size() + 3);
  const auto authority = after.substr(0, after.find_first_of("/?#"));
  const auto at = authority.rfind('@');
  const auto user = at == std::string_view::npos ? std::string_view() : authority.substr(0, at + 1);
  auto hosts = authority.substr(user.size());
  std::string last;
  for (bool more = true; more;) {
    const auto comma = hosts.find(',');
    more = comma != std::string_view::npos;
    last = "redis://" + std::string(user) + std::string(hosts.substr(0, comma)) +
           std::string(after.substr(authority.size()));
    if (more) hosts.remove_prefix(comma + 1);
    const auto parsed = boost::urls::parse_uri(last);
    if (!parsed) return refuse("The Redis URL is malformed.");
    auto host = host_of(*parsed, sentinel ? kSentinelPort : kPort);
    if (!host) return std::unexpected(host.error());
    endpoint.seeds.push_back(std::move(*host));
  }
  const boost::urls::url_view url(last);
  endpoint.username = url.user();
  endpoint.password = url.password();
  return sentinel ? master_endpoint(url, std::move(endpoint)) : cluster_endpoint(url, std::move(endpoint));
}

std::string listed(const std::vector<HostPort>& seeds) {
  std::string text;
  for (const auto& [host, port] : seeds) {
    if (!text.empty()) text += ',';
    text += (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" + std::to_string(port);
  }
  return text;
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
  const std::string scheme = tls ? "rediss" : "redis";
  const std::string of_database = "/" + std::to_string(database);
  if (topology == Topology::cluster) return scheme + "-cluster://" + listed(seeds);
  if (topology == Topology::sentinel) return scheme + "-sentinel://" + listed(seeds) + "/" + master_name + of_database;
  return scheme + "://" + listed({{host, port}}) + of_database;
}

Result<Endpoint> parse_url(std::string_view text) {
  const auto scheme = text.substr(0, text.find("://"));
  for (const std::string_view several : {"redis-sentinel", "rediss-sentinel", "redis-cluster", "rediss-cluster"}) {
    if (scheme == several) return many_hosts(text, scheme);
  }
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return refuse("The Redis URL is malformed.");
  const boost::urls::url_view& url = *parsed;
  Endpoint endpoint;
  endpoint.username = url.user();
  endpoint.password = url.password();
  if (url.scheme() == "rediss") endpoint.tls.emplace();
  if (url.scheme() == "redis" || url.scheme() == "rediss") return tcp_endpoint(url, std::move(endpoint));
  if (url.scheme() == "unix") return unix_endpoint(url, std::move(endpoint));
  return refuse("The scheme '" + std::string(url.scheme()) + "' of the Redis URL is unknown.");
}

}  // namespace inkwell::redis

// How to reach a Redis server, and the bounds of the link to it. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>
#include <inkwell/redis/tracking.hpp>

namespace inkwell::redis {

/// TLS to a server. The files are PEM; they are read again for each connection, so that rotated ones are taken up.
struct Tls {
  std::string ca_file{};      ///< the authorities trusted; empty: the system's
  std::string cert_file{};    ///< the client's certificate chain; with key_file, or both empty
  std::string key_file{};     ///< its private key, not encrypted
  std::string server_name{};  ///< sent as SNI (RFC 6066) and looked for in the certificate; empty: the endpoint's host
  bool verify = true;         ///< false takes any certificate: encryption against onlookers only
};

/// What stands behind an Endpoint.
enum class Topology : std::uint8_t {
  standalone,  ///< one server
  sentinel,    ///< a master that Sentinels watch over; the link follows it through failovers
  cluster,     ///< Redis Cluster: each command goes to the master of its key's slot
};

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const HostPort&) const = default;
  auto operator<=>(const HostPort&) const = default;
};

/// Where a server listens and as whom to speak to it.
struct Endpoint {
  std::string host = "127.0.0.1";  ///< a name or an address; unused with a Unix socket
  std::uint16_t port = 6379;
  std::string unix_path;  ///< a Unix socket's path; takes precedence over host and port when not empty
  std::string username;   ///< ACL user; empty means "default"
  std::string password;   ///< empty: no AUTH
  std::uint32_t database = 0;
  std::optional<Tls> tls;  ///< not over a Unix socket

  Topology topology = Topology::standalone;
  std::vector<HostPort> seeds;    ///< the Sentinels, or some nodes of the cluster; host and port are then not used
  std::string master_name;        ///< as the Sentinels call it
  std::string sentinel_username;  ///< of the Sentinels themselves; empty means "default"
  std::string sentinel_password;  ///< empty: no AUTH to the Sentinels

  /// For logs and errors: the address without user or password.
  std::string to_string() const;
};

/// Parses `redis://[user:password@]host[:port][/db]`, `rediss://` (the same over TLS, with `?cacert=FILE&cert=FILE&
/// key=FILE&sni=NAME&insecure=true` where needed) and `unix://[user:password@]/path/to.sock[?db=N]`,
/// `redis-sentinel://[user:password@]host[:port],.../master-name[/db][?sentinel_username=U&sentinel_password=P]` and
/// `redis-cluster://[user:password@]host[:port],...`, both also with rediss. User and password are percent-decoded.
/// Every refusal names the part at fault and never repeats the password.
Result<Endpoint> parse_url(std::string_view url);

/// As whom to speak to a server.
struct Credentials {
  std::string username;  ///< empty means "default"
  std::string password;
};

/// When a client gives a server up for the moment. While it has (open), calls fail at once with ErrorKind::unavailable
/// ("redis_circuit_open", with retry_after()) and nothing is sent but the link's own probes: its attempts to connect,
/// and a PING over a connection that is up but silent (half-open). Any answer of the server closes it again. It never
/// depends on callers.
struct BreakerOptions {
  unsigned failures = 5;  ///< failed attempts to connect, lost connections and timed-out commands without any answer in
                          ///< between, at least so many ...
  std::chrono::milliseconds open_after{2000};  ///< ... over at least so long; 0 failures: never
  std::chrono::milliseconds probe_every{500};  ///< over a connection that is up
};

enum class BreakerState : std::uint8_t { closed, open, half_open };

/// What a link does, for whoever logs or counts it.
struct LinkEvent {
  enum class Kind : std::uint8_t {
    connecting,
    connected,
    connect_failed,
    lost,
    closed,
    breaker_opened,
    breaker_closed
  };
  Kind kind;
  std::string detail;  ///< a sentence; never holds a secret
};

struct Options {
  Endpoint endpoint;
  std::string client_name = "inkwell";  ///< CLIENT SETNAME
  Tracking tracking;                    ///< client-side caching; of a Client only (pools and subscribers ignore it)

  std::chrono::milliseconds connect_timeout{5000};  ///< connecting, TLS and handshake together
  std::chrono::milliseconds command_timeout{5000};  ///< default of CallOptions::timeout
  std::chrono::milliseconds health_interval{5000};  ///< PING after so long without a byte read ...
  std::chrono::milliseconds health_timeout{
      5000};  ///< ... and the connection is lost when nothing comes for so long after it
  std::chrono::milliseconds backoff_base{10};
  std::chrono::milliseconds backoff_cap{2000};  ///< and no wait is longer than a twentieth of the outage (or 40 ms)
  BreakerOptions breaker;                       ///< of a Client only
  /// Asked before each handshake, in place of the endpoint's user and password: for those that are rotated. Called on
  /// the link's executor; must not throw or block. (A connection that is up is re-authenticated by sending it AUTH.)
  std::function<Credentials()> credentials;

  std::size_t max_queued_requests = 65536;    ///< waiting to be written or answered; beyond: ErrorKind::overloaded
  std::size_t max_queued_bytes = 256u << 20;  ///< of requests not yet written; beyond: ErrorKind::overloaded
  std::size_t max_reply_bytes = 512u << 20;   ///< a larger reply closes the connection
  std::uint64_t seed = 0;                     ///< of the jitter; 0 takes one from the kernel

  std::function<void(const LinkEvent&)> on_event;  ///< called on the link's executor; must not throw
};

/// Which node of a cluster a read may be asked of.
enum class ReadFrom : std::uint8_t {
  master,
  replica,  ///< any replica of the key's master: spreads load, but may answer with what the master held a moment ago
};

struct CallOptions {
  /// Deadline, counted from the call; zero means Options::command_timeout. Expiry of a written command leaves its
  /// outcome unknown; its late reply is read and dropped.
  std::chrono::milliseconds timeout{0};
  /// The caller declares that applying it twice equals applying it once (a read, a SET, a script with an idempotency
  /// key): it is then sent again when the connection was lost after it was written.
  bool idempotent = false;
  /// On a cluster, whom to ask; the master when no replica is connected or it refuses. Elsewhere it means nothing, nor
  /// for what a split read (MGET over several slots) is made of. A write goes to the master whatever it says.
  ReadFrom read_from = ReadFrom::master;
};

}  // namespace inkwell::redis

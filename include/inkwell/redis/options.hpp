// How to reach a Redis server, and the bounds of the link to it. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <inkwell/error.hpp>

namespace inkwell::redis {

/// Where a server listens and as whom to speak to it.
struct Endpoint {
  std::string host = "127.0.0.1";  ///< a name or an address; unused with a Unix socket
  std::uint16_t port = 6379;
  std::string unix_path;  ///< a Unix socket's path; takes precedence over host and port when not empty
  std::string username;   ///< ACL user; empty means "default"
  std::string password;   ///< empty: no AUTH
  std::uint32_t database = 0;

  /// For logs and errors: the address without user or password.
  std::string to_string() const;
};

/// Parses `redis://[user:password@]host[:port][/db]` and `unix://[user:password@]/path/to.sock[?db=N]`. User and
/// password are percent-decoded. Every refusal names the part at fault and never repeats the password.
Result<Endpoint> parse_url(std::string_view url);

/// What a link does, for whoever logs or counts it.
struct LinkEvent {
  enum class Kind : std::uint8_t { connecting, connected, connect_failed, lost, closed };
  Kind kind;
  std::string detail;  ///< a sentence; never holds a secret
};

struct Options {
  Endpoint endpoint;
  std::string client_name = "inkwell";  ///< CLIENT SETNAME

  std::chrono::milliseconds connect_timeout{5000};  ///< connecting, TLS and handshake together
  std::chrono::milliseconds command_timeout{5000};  ///< default of CallOptions::timeout
  std::chrono::milliseconds health_interval{5000};  ///< PING after so long without a byte read ...
  std::chrono::milliseconds health_timeout{
      5000};  ///< ... and the connection is lost when nothing comes for so long after it
  std::chrono::milliseconds backoff_base{10};
  std::chrono::milliseconds backoff_cap{2000};

  std::size_t max_queued_requests = 65536;    ///< waiting to be written or answered; beyond: ErrorKind::overloaded
  std::size_t max_queued_bytes = 256u << 20;  ///< of requests not yet written; beyond: ErrorKind::overloaded
  std::size_t max_reply_bytes = 512u << 20;   ///< a larger reply closes the connection
  std::uint64_t seed = 0;                     ///< of the jitter; 0 takes one from the kernel

  std::function<void(const LinkEvent&)> on_event;  ///< called on the link's executor; must not throw
};

struct CallOptions {
  /// Deadline, counted from the call; zero means Options::command_timeout. Expiry of a written command leaves its
  /// outcome unknown; its late reply is read and dropped.
  std::chrono::milliseconds timeout{0};
  /// The caller declares that applying it twice equals applying it once (a read, a SET, a script with an idempotency
  /// key): it is then sent again when the connection was lost after it was written.
  bool idempotent = false;
};

}  // namespace inkwell::redis

// A proxy between a client under test and a real server on loopback, which breaks the wire on command: delays, black
// holes, cuts after N bytes, refusals, resets. It never reorders bytes. Runs on a thread of its own; every member is
// thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>

namespace inkwell::test {

/// Which way bytes go through the proxy.
enum class Way : std::uint8_t { to_server, to_client };

class FaultProxy {
 public:
  struct Tcp {
    std::uint16_t port;
  };
  struct Unix {
    std::filesystem::path path;
  };
  using Target = std::variant<Tcp, Unix>;

  /// Listens on a port of 127.0.0.1 that the kernel picks and forwards each connection to `target`.
  explicit FaultProxy(Target target);
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;
  ~FaultProxy();

  std::uint16_t port() const noexcept;

  /// Everything read that way from now on is held for so long before it is passed on (zero: at once).
  void delay(Way way, std::chrono::milliseconds by);
  /// Bytes that way are read and thrown away; both connections stay open (a peer that died without a word).
  void black_hole(Way way, bool on);
  /// Bytes that way are no longer read, so the sender's socket fills.
  void stall(Way way, bool on);
  /// After `bytes` more bytes that way, of all connections together, the connection that carries the last one is cut on
  /// both sides. Armed once; fires once.
  void cut_after(Way way, std::size_t bytes);
  /// New connections are accepted and closed at once.
  void refuse(bool on);
  /// Ends every open connection now: with RST when `reset`, else with FIN.
  void drop_all(bool reset = true);
  /// delay, black_hole, stall, cut_after and refuse back to none; open connections go on.
  void heal();

  std::size_t open_connections() const;
  std::uint64_t accepted() const;
  std::uint64_t bytes(Way way) const;  ///< passed on so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace inkwell::test

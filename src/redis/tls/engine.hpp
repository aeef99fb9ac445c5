// TlsEngine: TLS without I/O. Ciphertext goes in and comes out through two bounded buffers, plaintext likewise; the
// connection moves the bytes. One connection each, one thread; owns its OpenSSL objects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <inkwell/redis/options.hpp>

struct bio_st;
struct ssl_st;

namespace inkwell::redis::tls {

class Engine {
 public:
  /// Reads the files of `tls`. `host` is what the certificate is checked against unless `tls` names something else.
  /// Failure: redis_tls, naming the file.
  static Result<std::unique_ptr<Engine>> create(const Tls& tls, const std::string& host);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  enum class Step : std::uint8_t { more, done, failed };
  /// Goes on with the handshake as far as the input allows. more: output() is to be sent and input is needed.
  Step handshake();

  /// Room for ciphertext from the peer; empty only while plaintext is waiting to be read.
  std::span<char> input_room() noexcept;
  void input_arrived(std::size_t bytes) noexcept;
  /// Decrypts into `room`. more: nothing now; failed: the peer closed or broke the session.
  Step read(std::span<char> room, std::size_t& bytes);

  /// Encrypts as much as the output has room for.
  std::size_t write(std::string_view plaintext);
  /// Ciphertext to be sent.
  std::string_view output() noexcept;
  void output_sent(std::size_t bytes) noexcept;

  /// After failed: why, for people.
  const std::string& why() const noexcept { return why_; }

 private:
  Engine(ssl_st* ssl, bio_st* network) : ssl_(ssl), network_(network) {}
  Step fail();

  ssl_st* ssl_;
  bio_st* network_;  ///< our end of the pair whose other end is the session's
  std::string why_;
};

}  // namespace inkwell::redis::tls

// The names of a cached embedding. A Digester turns inputs into SHA-256 digests, so that the text is stored nowhere; a
// Space is one model at one length, and turns a digest into the key of the hot tier. What does not change the vector
// (format, user, order in the request) is in neither.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <inkwell/hot_cache.hpp>

#include "embeddings/input.hpp"

struct evp_md_ctx_st;
struct evp_md_st;

namespace inkwell::embeddings {

/// SHA-256 (FIPS 180-4) of a domain byte and the input: 1 and the UTF-8 bytes of a text, 2 and the tokens as 32-bit
/// little-endian integers. The domain keeps a text and a token array that happen to have equal bytes apart. Keeps its
/// OpenSSL context between calls; one thread at a time.
class Digester {
 public:
  Digester();  ///< throws std::runtime_error when OpenSSL has no SHA-256
  Digest256 operator()(const Input& input);
  Digest256 text(std::string_view text);
  Digest256 tokens(const Tokens& tokens);
  /// Of model and length: domain 3, the length as 32-bit little-endian, the model's name and, behind a zero
  /// byte, the tenant's where there is one.
  Digest256 choice(const ModelChoice& choice);

 private:
  Digest256 of(std::byte domain, const void* data, std::size_t bytes);
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
    void operator()(evp_md_st* algorithm) const noexcept;
  };
  std::unique_ptr<evp_md_st, Free> algorithm_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// The key of `input`'s vector in the hot tier: its digest, moved by the choice's digest (exclusive or). Finding two
/// that meet is as hard as finding a collision of SHA-256's exclusive ors.
Digest256 hot_key(const Digest256& input, const Digest256& choice) noexcept;

/// For hash tables: digests are uniform, so any part of one is a hash.
struct DigestHash {
  std::size_t operator()(const Digest256& digest) const noexcept {
    std::size_t hash = 0;
    std::memcpy(&hash, digest.bytes.data(), sizeof hash);
    return hash;
  }
};

/// 64 lower-case hexadecimal digits, as keys in Redis carry it.
std::string hex(const Digest256& digest);
/// The reverse; nothing for anything else.
std::optional<Digest256> digest_of_hex(std::string_view text);

}  // namespace inkwell::embeddings

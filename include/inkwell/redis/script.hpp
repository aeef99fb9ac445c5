// Script: the text of a Lua script and its SHA-1 digest, by which the server knows it. Immutable; safe to share.
#pragma once

#include <string>
#include <string_view>

namespace inkwell::redis {

class Script {
 public:
  /// `source` is copied. Computes the digest.
  explicit Script(std::string_view source);
  const std::string& source() const noexcept { return source_; }
  /// 40 lower-case hexadecimal digits.
  const std::string& digest() const noexcept { return digest_; }

 private:
  std::string source_;
  std::string digest_;
};

}  // namespace inkwell::redis

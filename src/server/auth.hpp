// ApiKey: the one secret that opens the server in this form of authentication. Holds its digest only. Immutable.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include <inkwell/error.hpp>

#include "server/http.hpp"

namespace inkwell::server {

class ApiKey {
 public:
  /// An empty key switches authentication off.
  explicit ApiKey(std::string_view key);

  bool required() const noexcept { return required_; }
  /// Nothing when the request carries the key ("Authorization: Bearer KEY") or none is required; otherwise the reason.
  /// Takes the same time for every wrong key (digests of equal length are compared in constant time).
  std::optional<Error> refuse(const HttpRequest& request) const;

 private:
  using Digest = std::array<unsigned char, 32>;
  static Digest digest_of(std::string_view text);
  bool required_;
  Digest digest_;
};

}  // namespace inkwell::server

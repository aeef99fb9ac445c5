// OriginList: the origins of web pages (RFC 6454) that are let do something. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

namespace inkwell::server {

class OriginList {
 public:
  OriginList() = default;
  /// Entries: "https://example.com", with a port where it isn't the scheme's own; "https://*.example.com", all names
  /// below; "null"; an application's own scheme, "capacitor://localhost" or "app://"; "*", all there are.
  static Result<OriginList> make(const std::vector<std::string>& entries);

  bool empty() const noexcept { return !all_ && exact_.empty() && below_.empty(); }
  bool all() const noexcept { return all_; }
  /// Whether an entry other than "*" lets `origin` in.
  bool names(std::string_view origin) const;
  /// `origin` as an Origin header spells it; compared byte for byte.
  bool has(std::string_view origin) const;

 private:
  struct Below {
    std::string scheme;  ///< "https://"
    std::string rest;    ///< ".example.com:8443"
  };
  bool all_ = false;
  std::vector<std::string> exact_;
  std::vector<Below> below_;
};

/// "https://example.com:8443" of "https://example.com:8443/path?query", as a Referer is; empty when there is none.
std::string_view origin_of_url(std::string_view url);

}  // namespace inkwell::server

// TokenVerifier: whether a token is one this server trusts, and what it says. Keys are bound to their issuers: a token
// is tried with the keys of who it says it is from, and no others. Tokens in the form of Mercure 1.0 must be access
// tokens (RFC 9068) meant for this hub; those of the 0.x form carry less, and are checked for what is configured. Which
// form it is, each token says itself, by its signed claims. Immutable but for the keys that RemoteKeys brings; any
// thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "server/jwt/grants.hpp"
#include "server/jwt/jws.hpp"
#include "server/jwt/key.hpp"

namespace inkwell::server {

class RemoteKeys;

enum class TokenRole : std::uint8_t { publisher, subscriber };

struct TokenOptions {
  /// A secret or a PEM public key; for publishers, and for subscribers unless they have one of their own.
  std::string key{};
  std::string subscriber_key{};
  std::string issuer{};       ///< of both; empty: tokens signed with them may name any issuer, or none
  std::string key_set{};      ///< a JWK Set, for both roles
  std::string key_set_url{};  ///< where another is to be had
  std::string key_set_issuer{};
  std::vector<std::string> algorithms{};  ///< that are accepted; empty: every one the keys are fit for
  std::string audience{};                 ///< that tokens must name; empty: the hub's URL, of those of the 1.0 form
  std::chrono::seconds leeway{5};         ///< by which clocks may differ
};

/// What a trusted token says.
struct Token {
  Grants grants;
  std::string subject;  ///< empty when it names none
  std::optional<std::chrono::system_clock::time_point> expires_at;
};

class TokenVerifier {
 public:
  /// Refused: keys that are none, algorithms not known.
  static Result<TokenVerifier> make(const TokenOptions& options);

  /// `hub` is the URL the client knows the hub by. Errors are unauthenticated, with the code invalid_token and no word
  /// of what exactly was wrong, or token_key_unknown where remote keys may have changed: ask again after refresh().
  Result<Token> verify(std::string_view token, TokenRole role, std::string_view hub,
                       std::chrono::system_clock::time_point now) const;

  /// Null where no keys come over the network.
  const std::shared_ptr<RemoteKeys>& remote() const noexcept { return remote_; }
  /// What tokens must name as their `aud`; empty: that depends on their form.
  const std::string& audience() const noexcept { return audience_; }
  /// Issuers that are configured, for the hub's metadata.
  std::vector<std::string> issuers() const;

 private:
  using Keys = std::vector<VerificationKey>;
  struct Source {
    std::string issuer;
    bool publishers = true;
    bool subscribers = true;
    std::shared_ptr<const Keys> keys;  ///< null: those of remote_
  };

  enum class Signature : std::uint8_t { good, bad, unknown_key };
  Signature check(const Jws& jws, std::string_view issuer, TokenRole role) const;
  bool trusted(std::string_view issuer) const;

  std::vector<Source> sources_;
  JwtAlgorithmSet algorithms_;
  std::string audience_;
  std::chrono::seconds leeway_{};
  std::shared_ptr<RemoteKeys> remote_;
};

}  // namespace inkwell::server

// Identity: who a request comes from and what they may do, as the one Authenticator found it. A value.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace inkwell::server {

class Grants;

struct Identity {
  std::string tenant;  ///< whose data the request reaches, and no others'
  /// For whom it is made: the credentials' subject, or what the Inkwell-Owner header names. Empty: nobody in
  /// particular; the request reaches all of the tenant.
  std::string owner;
  /// Topics that credentials with claims of their own allow, and nothing else of the tenant. Null: no such claims,
  /// everything in the tenant is allowed.
  std::shared_ptr<const Grants> grants;
  /// There were no credentials: who asks isn't known, and is shown no private events.
  bool anonymous = false;
  /// When the credentials end; what is open by them is closed then.
  std::optional<std::chrono::system_clock::time_point> expires_at;
};

}  // namespace inkwell::server

// A JWK Set (RFC 7517) read into keys. Pure; fuzzed.
#pragma once

#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "server/jwt/key.hpp"

namespace inkwell::server {

inline constexpr std::size_t kMaxKeysOfASet = 100;

enum class SharedSecrets : bool { refused, allowed };

/// The keys of a set that are for verifying signatures. Keys for something else, of a kind not known here, or malformed
/// are passed over, as RFC 7517 section 5 asks; what is no set at all is refused. `oct` keys are taken only where
/// `secrets` says so: a set that comes over the network is public.
Result<std::vector<VerificationKey>> parse_key_set(std::string_view text, SharedSecrets secrets);

}  // namespace inkwell::server

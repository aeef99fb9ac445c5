// Base64url without padding (RFC 4648 section 5), as JWS uses it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inkwell::server {

/// Nothing unless `text` is the one canonical spelling of some bytes: no padding, no white space, no stray bits at the
/// end. Two texts that decode to the same bytes would be two spellings of one token.
std::optional<std::string> base64url_decode(std::string_view text);

std::string base64url_encode(std::string_view bytes);

}  // namespace inkwell::server

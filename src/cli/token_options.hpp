// From the settings under auth.jwt to what tokens are verified with. Reads the file of auth.jwt.key_set_file.
#pragma once

#include <inkwell/error.hpp>

#include "config/load.hpp"
#include "server/auth.hpp"

namespace inkwell::cli {

/// Without a key and without a key set there is no verifier: no tokens are taken. Settings about tokens where there is
/// none are refused: whoever wrote them thinks that tokens are checked.
Result<server::TokenAuthOptions> token_options(const config::Loaded& loaded);

}  // namespace inkwell::cli

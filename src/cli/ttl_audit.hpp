// `inkwell ttl audit`: every key Inkwell keeps in Redis, by family, and each whose lifetime breaks its family's policy.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "config/load.hpp"

namespace inkwell::cli {

/// Prints a table, or JSON. Returns an exit code: kFailure when a key breaks its policy or Redis could not be read.
int ttl_audit(const config::Loaded& loaded, const std::vector<std::string>& environment, bool json, std::ostream& out,
              std::ostream& err);

}  // namespace inkwell::cli

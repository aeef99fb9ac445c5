// `inkwell doctor`: looks at what a server would stand on - the configuration, Redis, the limits of the machine, the
// embeddings' upstream - and says what is wrong and what to do about it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "config/load.hpp"

namespace inkwell::cli {

enum class Health : std::uint8_t { good, warning, bad };

/// One thing looked at. `remedy` is empty when it is good.
struct Finding {
  Health health;
  std::string subject;  ///< "redis persistence": stable, for scripts
  std::string detail;   ///< a sentence
  std::string remedy;   ///< a sentence
};

/// Prints the findings, or JSON. Returns an exit code: kFailure when one of them is bad.
int doctor(const config::Loaded& loaded, const std::vector<std::string>& environment, bool json, std::ostream& out,
           std::ostream& err);

}  // namespace inkwell::cli

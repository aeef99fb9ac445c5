// The configuration as TOML for people: `inkwell config default` and `inkwell config check`. Secrets are never in it.
#pragma once

#include <string>

#include "config/load.hpp"

namespace inkwell::config {

/// Every setting with its meaning and its default; what load() reads back as exactly the defaults.
std::string default_toml();

/// Every setting with its value and, where that isn't a default, where it came from. Secrets that are set appear as a
/// comment that says so; passwords in URLs are masked.
std::string effective_toml(const Loaded& loaded);

}  // namespace inkwell::config

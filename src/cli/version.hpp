// What `inkwell --version` prints.
#pragma once

#include <string>
#include <string_view>

namespace inkwell::cli {

/// "0.1.0"; static storage.
std::string_view version() noexcept;

/// The version, then a line each for the build and for the libraries it runs on (as loaded, not as compiled against).
std::string version_text();

}  // namespace inkwell::cli

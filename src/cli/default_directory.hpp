// Where the data goes when nobody says.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace inkwell::cli {

/// $XDG_DATA_HOME/inkwell when that variable is an absolute path (XDG Base Directory Specification), else
/// ~/.local/share/inkwell by $HOME or the user database; nothing when neither knows a home.
std::optional<std::filesystem::path> default_data_directory(const std::vector<std::string>& environment);

}  // namespace inkwell::cli

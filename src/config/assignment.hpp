// Assignment: "this setting is to have this value", before either has been looked up or checked; what each layer
// yields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "config/load.hpp"

namespace inkwell::config {

struct Assignment {
  std::string name;  ///< of the setting, known or not
  Origin origin;
  std::string text;   ///< as parse() takes it
  std::string shape;  ///< of the value in a file: "text", "integer", "boolean", "list"; empty where all is text
};

struct Gathered {
  std::vector<Assignment> assignments;
  std::vector<Error> errors;
};

/// The TOML text of a file of that name. Syntax errors, keys with dots in quotes and values that no setting can have
/// are errors; unknown names are not, here.
Gathered read_toml(std::string_view text, const std::string& file);

/// The INKWELL_ variables, with unknown ones as errors.
Gathered read_environment(const std::vector<std::string>& environment);

/// "... is no setting", with the nearest known one.
Error unknown_setting(const Origin& origin, std::string_view written, const std::vector<std::string>& known);

/// What a file holds, at most `max_bytes` of it.
struct FileText {
  std::string text;
  bool world_readable = false;
};
/// Failure: code unreadable_file, a message that starts with the path.
Result<FileText> read_file(const std::string& path, std::size_t max_bytes);

}  // namespace inkwell::config

// From a URI template (RFC 6570) to a regular expression for the strings it can expand to. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inkwell::events {

/// The expression, in RE2's syntax, to be matched against the whole of a string taken as bytes; nothing when the
/// template is malformed (RFC 6570 section 2). Each variable may have any value, or none: text, list or map.
std::optional<std::string> expression_of_template(std::string_view uri_template);

}  // namespace inkwell::events

// The request target of HTTP (RFC 9112 section 3.2) taken apart: path, query, percent-encoding. Pure functions over
// bytes from outside; fuzzed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <inkwell/error.hpp>

namespace inkwell::server {

struct Target {
  std::string raw_path;  ///< as sent, without the query; starts with '/'
  std::string path;      ///< percent-decoded: valid UTF-8 without NUL or control characters
  std::vector<std::pair<std::string, std::string>> query;
};

/// Takes the origin form ("/path?query") and the absolute form ("http://host/path?query"). Everything else, a path that
/// decodes to a NUL, a control character or invalid UTF-8, and a broken percent-encoding are
/// ErrorKind::invalid_argument.
Result<Target> parse_target(std::string_view target);

/// Undoes percent-encoding; nothing when a '%' is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

/// Percent-encodes all but unreserved characters, as a variable of a URI template is expanded (RFC 6570 section 3.2.2).
std::string percent_encode(std::string_view text);

/// Takes application/x-www-form-urlencoded text apart ("a=1&b=2&a"): in order, duplicates kept, a missing '=' gives an
/// empty value, '+' is a space. Names and values must be valid UTF-8.
Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view text);

/// Whether `text` is well-formed UTF-8 (RFC 3629).
bool valid_utf8(std::string_view text) noexcept;

}  // namespace inkwell::server

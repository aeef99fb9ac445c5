// A value from outside, made fit to stand in a message.
#pragma once

#include <string>
#include <string_view>

namespace inkwell::config {

/// In quotes, controls escaped, cut after 80 bytes.
std::string quote(std::string_view text);

}  // namespace inkwell::config

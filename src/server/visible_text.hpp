// Text that people will see as what it is. Pure.
#pragma once

#include <string_view>

namespace inkwell::server {

/// Whether `text`, which must be well-formed UTF-8, is free of control characters and of those of Unicode's category
/// Cf: invisible ones, which make two texts look alike or turn one around.
bool all_visible(std::string_view text);

}  // namespace inkwell::server

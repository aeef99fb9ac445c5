// What a route asks of who calls it.
#pragma once

#include <cstdint>

namespace inkwell::server {

enum class Access : std::uint8_t {
  open,           ///< health: never needs credentials
  authenticated,  ///< needs an API key whenever authentication is configured
  topics,         ///< events: an API key, or credentials that name topics; the route looks at Identity::grants
};

}  // namespace inkwell::server

// What each error of a Redis server means to a caller: the one table from its first word to an Error. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include <inkwell/error.hpp>

namespace inkwell::redis::link {

/// `line` is the error as the server wrote it: "WRONGTYPE Operation against ...". A server that answers has not applied
/// the command, or has applied it and says so: the outcome is never unknown.
Error server_error(std::string_view line);

/// What the link itself does about an error, before or besides handing it to the caller.
enum class Reaction : std::uint8_t {
  report,  ///< nothing: the caller decides
  wait,    ///< the server refuses everything for the moment, having applied nothing: sent again within the deadline
  move,    ///< another server may be the master now: looked for, where there is somebody to ask (Sentinel)
};
Reaction reaction_to(std::string_view line) noexcept;

}  // namespace inkwell::redis::link

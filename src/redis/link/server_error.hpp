// What each error of a Redis server means to a caller: the one table from its first word to an Error. Pure.
#pragma once

#include <string_view>

#include <inkwell/error.hpp>

namespace inkwell::redis::link {

/// `line` is the error as the server wrote it: "WRONGTYPE Operation against ...". A server that answers has not applied
/// the command, or has applied it and says so: the outcome is never unknown.
Error server_error(std::string_view line);

/// Whether the server refuses for now, having applied nothing, so that the command may be sent again to the same
/// server: LOADING, TRYAGAIN, CLUSTERDOWN, MASTERDOWN.
bool is_temporary(std::string_view line) noexcept;

}  // namespace inkwell::redis::link

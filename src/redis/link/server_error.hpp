// What each error of a Redis server means to a caller: the one table from its first word to an Error. Pure.
#pragma once

#include <string_view>

#include <inkwell/error.hpp>

namespace inkwell::redis::link {

/// `line` is the error as the server wrote it: "WRONGTYPE Operation against ...". A server that answers has not applied
/// the command, or has applied it and says so: the outcome is never unknown.
Error server_error(std::string_view line);

/// Whether the server refuses everything for the moment, having applied nothing, so that the link itself sends it again
/// within the deadline: LOADING.
bool is_refused_for_now(std::string_view line) noexcept;

}  // namespace inkwell::redis::link

// What requests about a channel have in common. Pure.
#pragma once

#include <string_view>

#include "server/http.hpp"

namespace inkwell::server {

/// The cursor a client names: its header wins, because EventSource sends it on every reconnect beside the first URL's
/// query. Empty means none.
std::string_view cursor_of(const HttpRequest& request);

/// Whether an Accept header asks for JSON. Only who names JSON, and not the event stream, gets it: EventSource, curl and
/// browsers' address bars get the stream.
bool wants_json(const HttpRequest& request);

}  // namespace inkwell::server

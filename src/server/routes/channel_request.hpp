// What requests about a channel have in common.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/http.hpp"

namespace inkwell::server {

class Worker;

/// The channel `name` as the events part knows it: with the tenant of who asks.
std::string channel_of(const HttpRequest& request, std::string_view name);

/// The cursor a client names: its header wins, because EventSource sends it on every reconnect beside the first URL's
/// query. Empty means none.
std::string_view cursor_of(const HttpRequest& request);

/// Whether an Accept header asks for JSON. Only who names JSON, and not the event stream, gets it: EventSource, curl
/// and browsers' address bars get the stream.
bool wants_json(const HttpRequest& request);

/// Counts an event stream to be opened for the request, or refuses it (429). The ticket goes into EventStreamRequest.
std::optional<HttpResponse> refuse_stream(Worker& worker, const HttpRequest& request, std::shared_ptr<void>& ticket);

}  // namespace inkwell::server

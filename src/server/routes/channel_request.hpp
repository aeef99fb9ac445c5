// What requests about a channel have in common.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/selector.hpp"
#include "server/http.hpp"

namespace inkwell::server {

class Worker;

/// The channel `name` as the events part knows it: with the tenant of who asks.
std::string channel_of(const HttpRequest& request, std::string_view name);

enum class ChannelUse : std::uint8_t { publish, read };

/// channel_of() the {name} in the request's path, if it is one that can be and who asks may use it. Credentials that
/// name topics must name the channel's path, "/v1/channels/NAME/events", as if it were a topic: then all of it is
/// theirs.
Result<std::string> open_channel(const HttpRequest& request, ChannelUse use);

/// Which private events of a channel that was opened so may be read.
events::PrivateEvents private_events_of(const Identity& identity);

/// Valid credentials that don't allow this.
Error insufficient_scope(const Identity& identity);

/// The cursor a client names: its header wins, because EventSource sends it on every reconnect beside the first URL's
/// query. Empty means none.
std::string_view cursor_of(const HttpRequest& request);

/// Whether an Accept header asks for JSON. Only who names JSON, and not the event stream, gets it: EventSource, curl
/// and browsers' address bars get the stream.
bool wants_json(const HttpRequest& request);

/// Counts an event stream to be opened for the request, or refuses it (429). The ticket goes into EventStreamRequest.
std::optional<HttpResponse> refuse_stream(Worker& worker, const HttpRequest& request, std::shared_ptr<void>& ticket);

}  // namespace inkwell::server

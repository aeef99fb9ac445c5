// What requests about a channel have in common.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/selector.hpp"
#include "server/http.hpp"

namespace inkwell::server {

struct EventStreamRequest;
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

/// The field by which a stream's answer tells where it begins, in the forms of Mercure 1.0 and 0.x.
inline constexpr std::string_view kCursorField = "Mercure-Last-Event-ID";
inline constexpr std::string_view kLegacyCursorField = "Last-Event-ID";

/// Counts an event stream to be opened for the request, and fills in what of it the request says: how it begins, what
/// its head says and when its credentials end. The refusal (429) where there are too many.
std::optional<HttpResponse> begin_stream(Worker& worker, const HttpRequest& request, EventStreamRequest& wanted,
                                         std::string_view cursor_field = kCursorField);

}  // namespace inkwell::server

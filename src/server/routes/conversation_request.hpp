// What the routes of /v1/conversations read from a request: bodies, the window or page asked for, and the headers that
// make a write conditional or repeatable. Pure; used on the worker's thread.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "conversations/conversations.hpp"
#include "server/http.hpp"
#include "server/json.hpp"

namespace inkwell::server {

Result<conversations::Metadata> metadata_of(const json::object& body);

/// The array "items" of a body, at most `most` of them. `request` holds the text that `items` was parsed from.
Result<std::vector<conversations::NewItem>> new_items_of(const HttpRequest& request, const json::array& items,
                                                         std::size_t most);

/// "expires_after": {"anchor": "last_active_at", and one of "seconds", "minutes", "days"}.
Result<std::optional<std::chrono::milliseconds>> lifetime_of(const json::object& body);

/// Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) and If-Match (RFC 9110 section 13.1.1).
Result<conversations::Write> write_of(const HttpRequest& request);

/// The window that last= or max_tokens= ask for; nothing when neither does. Neither goes with a cursor or an order.
Result<std::optional<conversations::WindowLimits>> window_of(const HttpRequest& request);

}  // namespace inkwell::server

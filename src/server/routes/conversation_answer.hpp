// What the routes of /v1/conversations answer, in the API's shapes. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "conversations/conversations.hpp"
#include "server/http.hpp"

namespace inkwell::server {

/// A conversation as JSON.
std::string text_of(const conversations::Conversation& conversation);

HttpResponse json_text(std::string body);
/// The version as an entity tag (RFC 9110 section 8.8.3).
HttpResponse with_version(HttpResponse response, std::int64_t version);
/// A read's answer, whose last header is its ETag, or 304 when the client says that it has it (RFC 9110
/// section 13.1.2).
HttpResponse unless_known(const HttpRequest& request, HttpResponse response);

HttpResponse conversation_response(const conversations::Conversation& conversation);
HttpResponse conversations_response(const conversations::ConversationPage& page);
/// A page that is answered again and again is written once.
HttpResponse page_response(const conversations::Page& page);
HttpResponse items_response(const std::vector<conversations::Item>& items, bool has_more);

/// 404 for an id that isn't one of ours, which names nothing.
std::optional<HttpResponse> foreign_id(const HttpRequest& request);
/// A write whose answer was lost may be there: the client is told how to find out. An idempotency key that came with
/// another request is 422, as the draft of its header has it.
HttpResponse write_error(const Error& error);

}  // namespace inkwell::server

#include "server/routes/conversation_answer.hpp"

#include <fmt/format.h>

namespace inkwell::server {

using conversations::Conversation;
using conversations::Item;

namespace {

/// Whether an If-None-Match names the tag, weakly or not: its comparison is the weak one.
bool names_tag(std::string_view header, std::string_view tag) {
  if (header == "*") return true;
  for (auto at = header.find(tag); at != std::string_view::npos; at = header.find(tag, at + 1)) {
    const auto before = header.substr(0, at);
    const auto behind = header.substr(at + tag.size());
    const bool starts = before.empty() || before.ends_with(' ') || before.ends_with(',') || before.ends_with("W/");
    if (starts && (behind.empty() || behind.starts_with(' ') || behind.starts_with(','))) return true;
  }
  return false;
}

std::string text_of(const std::vector<Item>& items, bool has_more) {
  std::size_t size = 256;
  for (const auto& item : items) size += item.json.size() + 1;
  std::string body;
  body.reserve(size);
  body += R"({"object":"list","data":[)";
  for (const auto& item : items) {
    if (&item != &items.front()) body += ',';
    body += item.json;
  }
  const auto id = [&](const Item& item) { return fmt::format(R"("{}")", item.id); };
  body += fmt::format(R"(],"first_id":{},"last_id":{},"has_more":{}}})", items.empty() ? "null" : id(items.front()),
                      items.empty() ? "null" : id(items.back()), has_more);
  return body;
}

}  // namespace

HttpResponse json_text(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  return response;
}

HttpResponse with_version(HttpResponse response, std::int64_t version) {
  response.headers.emplace_back("ETag", fmt::format("\"{}\"", version));
  return response;
}

HttpResponse unless_known(const HttpRequest& request, HttpResponse response) {
  const auto known = request.header("If-None-Match");
  if (!known || !names_tag(*known, response.headers.back().second)) return response;
  response.status = http::status::not_modified;
  response.body.clear();
  response.shared_body.reset();
  return response;
}

std::string text_of(const Conversation& conversation) {
  return fmt::format(R"({{"id":"{}","object":"conversation","created_at":{},"metadata":{},)"
                     R"("expires_after":{{"anchor":"last_active_at","seconds":{}}},"expires_at":{}}})",
                     conversation.id, conversation.created_at, conversation.metadata,
                     std::chrono::floor<std::chrono::seconds>(conversation.lifetime).count(), conversation.expires_at);
}

HttpResponse conversation_response(const Conversation& conversation) {
  return with_version(json_text(text_of(conversation)), conversation.version);
}

HttpResponse items_response(const std::vector<Item>& items, bool has_more) {
  return json_text(text_of(items, has_more));
}

HttpResponse page_response(const conversations::Page& page) {
  HttpResponse response;
  response.shared_body =
      page.items.text([&page](const std::vector<Item>& items) { return text_of(items, page.has_more); });
  return with_version(std::move(response), page.version);
}

HttpResponse conversations_response(const conversations::ConversationPage& page) {
  std::string body = R"({"object":"list","data":[)";
  for (const auto& conversation : page.conversations) {
    if (&conversation != &page.conversations.front()) body += ',';
    body += text_of(conversation);
  }
  const auto id = [&](const Conversation& conversation) { return fmt::format(R"("{}")", conversation.id); };
  const bool none = page.conversations.empty();
  body +=
      fmt::format(R"(],"first_id":{},"last_id":{},"has_more":{},"next_after":{}}})",
                  none ? "null" : id(page.conversations.front()), none ? "null" : id(page.conversations.back()),
                  !page.next_after.empty(), page.next_after.empty() ? "null" : fmt::format(R"("{}")", page.next_after));
  return json_text(std::move(body));
}

std::optional<HttpResponse> foreign_id(const HttpRequest& request) {
  const auto id = request.path_param("id");
  if (conversations::is_conversation_id(id)) return std::nullopt;
  return error_response(
      Error(ErrorKind::not_found, "conversation_not_found", fmt::format("Conversation with id '{}' not found.", id)));
}

HttpResponse write_error(const Error& error) {
  if (error.code() == "idempotency_key_reused") {
    auto response = error_response(error);
    response.status = http::status::unprocessable_entity;
    return response;
  }
  if (!error.outcome_unknown()) return error_response(error);
  return error_response(
      Error(ErrorKind::unavailable, "outcome_unknown",
            error.code() == "redis_unconfirmed"
                ? error.message()
                : "The connection to Redis was lost before it answered: the change may or may not have been made.",
            "Repeat it if it had an Idempotency-Key; otherwise read the conversation before you do.")
          .with_retry_after(error.retry_after().value_or(std::chrono::seconds(1)))
          .with_unknown_outcome());
}

}  // namespace inkwell::server

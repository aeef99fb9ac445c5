#include "server/jwt/grants.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "server/visible_text.hpp"

namespace inkwell::server {
namespace {

using events::TopicMatcher;

constexpr std::string_view kDetailType = "https://mercure.rocks/authorization-detail";

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorKind::unauthenticated, "invalid_token", std::move(message));
}

std::optional<std::string_view> text_of(const json::value& value) {
  const auto* text = value.if_string();
  if (!text) return std::nullopt;
  return std::string_view(text->data(), text->size());
}

bool sane(std::string_view matcher) {
  return !matcher.empty() && matcher.size() <= events::kMaxMatcherBytes && all_visible(matcher);
}

/// {"match": ..., "match_type": ...}
Result<TopicMatcher> read_matcher(const json::value& value) {
  const auto* object = value.if_object();
  const auto* match = object ? object->if_contains("match") : nullptr;
  const auto text = match ? text_of(*match) : std::nullopt;
  if (!text || !sane(*text)) return refuse("A topic of the token is no object with a matcher in `match`.");
  const auto* type = object->if_contains("match_type");
  const auto kind = type ? text_of(*type) : std::optional<std::string_view>("exact");
  auto matcher = kind ? TopicMatcher::of_type(*kind, *text) : std::nullopt;
  if (!matcher) return refuse("A topic of the token has a `match_type` that is not known, or a malformed pattern.");
  return std::move(*matcher);
}

bool any_matches(const std::vector<TopicMatcher>& matchers, std::string_view topic) {
  return std::ranges::any_of(matchers, [&](const TopicMatcher& matcher) { return matcher.matches(topic); });
}

/// A list of the `mercure` claim; an absent one, or null, is empty.
Result<const json::array*> list_of(const json::object& claim, std::string_view name) {
  const auto* value = claim.if_contains(name);
  if (!value || value->is_null()) return nullptr;
  const auto* list = value->if_array();
  if (!list || list->size() > Grants::kMaxMatchers) {
    return refuse("A list of the token's `mercure` claim is none, or holds more than 100 topics.");
  }
  return list;
}

}  // namespace

Result<Grants> Grants::from_claims(const json::object& claims) {
  Grants grants;
  if (const auto* details = claims.if_contains("authorization_details")) {
    grants.form_ = Form::details;
    const auto* list = details->if_array();
    if (!list) return refuse("The token's `authorization_details` are no array.");
    if (auto good = grants.read_details(*list); !good) return std::unexpected(good.error());
    return grants;
  }
  for (const std::string_view name : {"https://mercure.rocks/", "mercure"}) {
    const auto* claim = claims.if_contains(name);
    if (!claim) continue;
    grants.form_ = Form::legacy;
    const auto* object = claim->if_object();
    if (!object) return refuse("The token's `mercure` claim is no object.");
    if (auto good = grants.read_legacy(*object); !good) return std::unexpected(good.error());
    return grants;
  }
  return grants;
}

Grants Grants::reading(const std::vector<std::string>& selectors) {
  Grants grants;
  for (const auto& text : selectors) grants.subscribe_.push_back(TopicMatcher::selector(text));
  return grants;
}

Result<void> Grants::read_legacy(const json::object& claim) {
  for (const auto& [name, to] : {std::pair("publish", &publish_), std::pair("subscribe", &subscribe_)}) {
    const auto list = list_of(claim, name);
    if (!list) return std::unexpected(list.error());
    if (!*list) continue;
    for (const auto& value : **list) {
      const auto text = text_of(value);
      if (!text || !sane(*text)) return refuse("A topic of the token's `mercure` claim is no text that can be one.");
      to->push_back(TopicMatcher::selector(*text));
    }
  }
  if (const auto* payload = claim.if_contains("payload")) any_payload_ = json::serialize(*payload);
  return {};
}

Result<void> Grants::read_details(const json::array& details) {
  std::size_t total = 0;
  std::size_t ours = 0;
  for (const auto& value : details) {
    const auto* detail = value.if_object();
    if (!detail) return refuse("An entry of the token's `authorization_details` is no object.");
    const auto* type = detail->if_contains("type");
    if (!type || text_of(*type) != kDetailType) continue;  // another resource's
    if (++ours > kMaxMatchers) return refuse("The token has more than 100 authorization details.");
    if (auto good = read_detail(*detail, total); !good) return good;
  }
  return {};
}

Result<void> Grants::read_detail(const json::object& detail, std::size_t& total) {
  const auto* actions = detail.if_contains("actions");
  const auto* action_list = actions ? actions->if_array() : nullptr;
  const auto* topics = detail.if_contains("topics");
  const auto* topic_list = topics ? topics->if_array() : nullptr;
  if (!action_list || action_list->empty() || !topic_list || topic_list->empty()) {
    return refuse("An authorization detail of the token lacks `actions` or `topics`.");
  }
  total += topic_list->size();
  if (total > kMaxMatchers) return refuse("The token names more than 100 topics.");
  bool publishes = false;
  bool subscribes = false;
  for (const auto& action : *action_list) {
    const auto text = text_of(action);
    if (!text) return refuse("An action of the token is no text.");
    publishes = publishes || *text == "publish";
    subscribes = subscribes || *text == "subscribe";  // others are of later specifications, and grant nothing here
  }
  Payload payload;
  for (const auto& value : *topic_list) {
    auto matcher = read_matcher(value);
    if (!matcher) return std::unexpected(matcher.error());
    payload.matchers.push_back(std::move(*matcher));
  }
  if (publishes) publish_.insert(publish_.end(), payload.matchers.begin(), payload.matchers.end());
  if (!subscribes) return {};
  subscribe_.insert(subscribe_.end(), payload.matchers.begin(), payload.matchers.end());
  const auto* text = detail.if_contains("payload");
  if (text && !text->is_null()) payload.json = json::serialize(*text);
  payloads_.push_back(std::move(payload));
  return {};
}

bool Grants::may_publish(std::string_view topic) const { return any_matches(publish_, topic); }
bool Grants::may_read(std::string_view topic) const { return any_matches(subscribe_, topic); }

std::optional<std::string> Grants::payload_for(std::string_view matcher) const {
  for (const auto& payload : payloads_) {
    if (any_matches(payload.matchers, matcher)) return payload.json;
  }
  return any_payload_;
}

}  // namespace inkwell::server

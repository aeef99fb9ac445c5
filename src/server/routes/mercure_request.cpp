#include "server/routes/mercure_request.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <charconv>
#include <fmt/format.h>

#include "events/topics/matcher.hpp"
#include "server/target.hpp"
#include "server/visible_text.hpp"

namespace inkwell::server {
namespace {

std::unexpected<Error> refuse(std::string_view param, std::string message) {
  return std::unexpected(
      Error(ErrorKind::invalid_argument, "invalid_parameter", std::move(message)).with_param(std::string(param)));
}

Result<void> add_topic(events::Event& event, const std::string& topic) {
  if (topic.empty()) return refuse("topic", "A topic cannot be empty.");
  if (topic == "*") return refuse("topic", "The topic \"*\" cannot be published to: it stands for all topics.");
  if (!all_visible(topic)) return refuse("topic", "A topic holds a control or format character.");
  if (in_reserved_namespace(topic)) return refuse("topic", "Topics under /.well-known/mercure are the hub's own.");
  event.topics.push_back(topic);
  return {};
}

Result<void> set_type(events::Event& event, const std::string& type) {
  if (!all_visible(type)) return refuse("type", "The event type holds a control or format character.");
  if (type == "mercure") return refuse("type", "The event type \"mercure\" is the hub's own.");
  event.type = type;
  return {};
}

Result<void> set_retry(events::Event& event, std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return refuse("retry", "Invalid \"retry\" parameter");
  event.retry_ms = value;
  return {};
}

Result<void> check_id(std::string_view id) {
  if (!id.starts_with('#') && id != "earliest" && all_visible(id)) return {};
  return refuse("id", "An id cannot begin with '#', be \"earliest\", or hold control or format characters.");
}

Result<void> apply(events::Event& event, const std::string& name, const std::string& value) {
  if (name == "topic") return add_topic(event, value);
  if (name == "data") event.data = value;
  if (name == "private") event.is_private = true;
  if (name == "type") return set_type(event, value);
  if (name == "retry" && !value.empty()) return set_retry(event, value);
  if (name == "id") return check_id(value);
  return {};
}

bool begins_with_match(std::string_view name) {
  return name.size() >= 5 && boost::beast::iequals(name.substr(0, 5), "match");
}

/// Undoes what percent-encoding there is; a '%' that begins none stays, as URL parsers leave it.
std::string decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = text.front() == '%' && text.size() >= 3 ? 3 : 1;
    if (const auto octet = percent_decode(text.substr(0, size)); octet && size == 3) {
      out += *octet;
      text.remove_prefix(3);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string_view path_of(std::string_view topic) {
  topic.remove_prefix(std::min(topic.find_first_not_of(' '), topic.size()));
  while (topic.ends_with(' ')) topic.remove_suffix(1);
  topic = topic.substr(0, topic.find_first_of("?#"));
  // A scheme ends at the first colon, if only a scheme's characters stand before it.
  const auto end = topic.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.");
  if (end != std::string_view::npos && end > 0 && topic[end] == ':') topic.remove_prefix(end + 1);
  return topic;
}

}  // namespace

// Stricter than a URL parser would be: whichever of its readings (with an authority, without one, relative to the hub)
// leads under the reserved path is taken. A topic refused in error can be renamed; a forged one could not be told.
bool in_reserved_namespace(std::string_view topic) {
  constexpr std::string_view kSegments[] = {".well-known", "mercure"};
  std::string path = decoded(path_of(topic));
  std::ranges::replace(path, '\\', '/');
  std::vector<std::string_view> segments;
  for (std::string_view rest = path; !rest.empty();) {
    const auto slash = std::min(rest.find('/'), rest.size());
    const auto segment = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      segments.push_back(segment);
    } else if (!segments.empty()) {
      segments.pop_back();
    }
  }
  const auto starts_at = [&](std::size_t first) {
    return segments.size() >= first + 2 && segments[first] == kSegments[0] && segments[first + 1] == kSegments[1];
  };
  // Without a host, behind one, or relative to /.well-known/mercure itself.
  const bool relative = !path.starts_with('/') && !segments.empty() && segments[0] == kSegments[1];
  return starts_at(0) || starts_at(1) || relative || path.empty();
}

Result<events::Event> read_update(const FormFields& fields) {
  events::Event event;
  for (const auto& [name, value] : fields) {
    if (auto good = apply(event, name, value); !good) return std::unexpected(good.error());
  }
  if (event.topics.empty()) return refuse("topic", "Missing \"topic\" parameter");
  if (auto good = events::validate(event); !good) return std::unexpected(good.error());
  return event;
}

Result<std::unique_ptr<const events::Selector>> read_matchers(const FormFields& fields,
                                                              events::PrivateEvents private_events) {
  std::vector<events::TopicMatcher> matchers;
  for (const auto& [name, value] : fields) {
    const bool legacy = name == "topic";
    if (!legacy && !begins_with_match(name)) continue;
    if (!legacy && name != "match" && name != "match_exact") {
      return refuse(name, "This is no matcher the hub knows; it knows match, match_exact and topic.");
    }
    if (value.size() > events::kMaxMatcherBytes) return refuse(name, "A matcher is longer than 4096 bytes.");
    if (value.empty() || !all_visible(value)) {
      return refuse(name, "A matcher cannot be empty or hold control or format characters.");
    }
    if (matchers.size() == kMaxMatchers) return refuse(name, "There can be at most 100 matchers.");
    matchers.push_back(legacy ? events::TopicMatcher::selector(value) : events::TopicMatcher::exact(value));
  }
  if (matchers.empty()) return refuse("match", "missing \"match\" subscription parameter, or \"topic\"");
  return std::make_unique<const events::MatcherSelector>(std::move(matchers), std::move(private_events));
}

}  // namespace inkwell::server

#include "events/selector.hpp"

#include <algorithm>

namespace inkwell::events {

TopicSelector::TopicSelector(std::vector<std::string> topics) : topics_(std::move(topics)) {
  std::sort(topics_.begin(), topics_.end());
}

bool TopicSelector::wants(const BroadcastEvent& event) const {
  const auto has = [&](const std::string& topic) { return std::binary_search(topics_.begin(), topics_.end(), topic); };
  return has("*") || std::any_of(event.topics.begin(), event.topics.end(), has);
}

MatcherSelector::MatcherSelector(std::vector<TopicMatcher> matchers, PrivateEvents private_events)
    : matchers_(std::move(matchers)), private_events_(private_events) {}

bool MatcherSelector::wants(const BroadcastEvent& event) const {
  if (event.is_private && private_events_ == PrivateEvents::withheld) return false;
  return std::any_of(matchers_.begin(), matchers_.end(), [&](const TopicMatcher& matcher) {
    return matcher.matches_all() || std::any_of(event.topics.begin(), event.topics.end(),
                                                [&](const std::string& topic) { return matcher.matches(topic); });
  });
}

}  // namespace inkwell::events

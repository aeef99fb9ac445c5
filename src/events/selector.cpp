#include "events/selector.hpp"

#include <algorithm>

namespace inkwell::events {

bool PrivateEvents::readable(const std::vector<std::string>& topics) const {
  return all_ || std::ranges::any_of(matchers_, [&](const TopicMatcher& matcher) {
           return matcher.matches_all() ||
                  std::ranges::any_of(topics, [&](const std::string& topic) { return matcher.matches(topic); });
         });
}

TopicSelector::TopicSelector(std::vector<std::string> topics, PrivateEvents private_events)
    : topics_(std::move(topics)), private_events_(std::move(private_events)) {
  std::sort(topics_.begin(), topics_.end());
}

bool TopicSelector::wants(const BroadcastEvent& event) const {
  if (event.is_private && !private_events_.readable(event.topics)) return false;
  if (topics_.empty()) return true;
  const auto has = [&](const std::string& topic) { return std::binary_search(topics_.begin(), topics_.end(), topic); };
  return has("*") || std::any_of(event.topics.begin(), event.topics.end(), has);
}

MatcherSelector::MatcherSelector(std::vector<TopicMatcher> matchers, PrivateEvents private_events)
    : matchers_(std::move(matchers)), private_events_(std::move(private_events)) {}

bool MatcherSelector::wants(const BroadcastEvent& event) const {
  if (event.is_private && !private_events_.readable(event.topics)) return false;
  return std::any_of(matchers_.begin(), matchers_.end(), [&](const TopicMatcher& matcher) {
    return matcher.matches_all() || std::any_of(event.topics.begin(), event.topics.end(),
                                                [&](const std::string& topic) { return matcher.matches(topic); });
  });
}

}  // namespace inkwell::events

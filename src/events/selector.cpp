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

}  // namespace inkwell::events

// The selectors a subscriber can ask for. Immutable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "events/reader.hpp"
#include "events/topics/matcher.hpp"

namespace inkwell::events {

/// Events that have at least one of the topics; "*" selects all. Compares bytes.
class TopicSelector final : public Selector {
 public:
  explicit TopicSelector(std::vector<std::string> topics);
  bool wants(const BroadcastEvent& event) const override;

 private:
  std::vector<std::string> topics_;  ///< sorted
};

/// Whether a subscriber may read private events.
enum class PrivateEvents : std::uint8_t { withheld, readable };

/// Events one of whose topics one of the matchers matches.
class MatcherSelector final : public Selector {
 public:
  MatcherSelector(std::vector<TopicMatcher> matchers, PrivateEvents private_events);
  bool wants(const BroadcastEvent& event) const override;

 private:
  std::vector<TopicMatcher> matchers_;
  PrivateEvents private_events_;
};

}  // namespace inkwell::events

// The selectors a subscriber can ask for. Immutable.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "events/reader.hpp"
#include "events/topics/matcher.hpp"

namespace inkwell::events {

/// Which private events a subscriber may read. An immutable value.
class PrivateEvents {
 public:
  static PrivateEvents withheld() { return {false, {}}; }
  static PrivateEvents readable() { return {true, {}}; }
  /// Those one of whose topics one of the matchers matches.
  static PrivateEvents matching(std::vector<TopicMatcher> matchers) { return {false, std::move(matchers)}; }

  bool all() const noexcept { return all_; }
  /// Whether an event with these topics may be read, given that it is private.
  bool readable(const std::vector<std::string>& topics) const;

 private:
  PrivateEvents(bool all, std::vector<TopicMatcher> matchers) : all_(all), matchers_(std::move(matchers)) {}
  bool all_;
  std::vector<TopicMatcher> matchers_;
};

/// Events that have at least one of the topics; "*", or no topics, selects all. Compares bytes.
class TopicSelector final : public Selector {
 public:
  explicit TopicSelector(std::vector<std::string> topics, PrivateEvents private_events = PrivateEvents::readable());
  bool wants(const BroadcastEvent& event) const override;

 private:
  std::vector<std::string> topics_;  ///< sorted
  PrivateEvents private_events_;
};

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

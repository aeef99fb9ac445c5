// The selectors a subscriber can ask for. Immutable.
#pragma once

#include <string>
#include <vector>

#include "events/reader.hpp"

namespace inkwell::events {

/// Events that have at least one of the topics; "*" selects all. Compares bytes.
class TopicSelector final : public Selector {
 public:
  explicit TopicSelector(std::vector<std::string> topics);
  bool wants(const BroadcastEvent& event) const override;

 private:
  std::vector<std::string> topics_;  ///< sorted
};

}  // namespace inkwell::events

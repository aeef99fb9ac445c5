// Short forms of events for the step-by-step tests.
#pragma once

#include <string>
#include <vector>

#include "events/event.hpp"

namespace inkwell::events::test {

/// Event `id`-0 whose predecessor is `predecessor`-0 (0: the log's first).
inline EventRef event(std::uint64_t id, std::uint64_t predecessor, std::size_t data_bytes = 1) {
  EventView view;
  view.id = {id, 0};
  view.predecessor = {predecessor, 0};
  const std::string data(data_bytes, 'x');
  view.data = data;
  return make_broadcast(view);
}

/// What a run of events amounts to: "5 6 gap(6>9,trimmed) 9".
inline std::string told(const std::vector<EventRef>& events) {
  std::string out;
  for (const auto& e : events) {
    if (!out.empty()) out += ' ';
    if (!e->is_gap()) {
      out += std::to_string(e->id.milliseconds);
      continue;
    }
    const auto reason = e->wire.substr(e->wire.find("reason\":\"") + 9);
    const auto to = e->wire.substr(e->wire.find("\"to\":") + 5);
    out += "gap(" + std::to_string(e->id.milliseconds) + ">" +
           (to.starts_with("null") ? "" : to.substr(1, to.find('-') - 1)) + "," + reason.substr(0, reason.find('"')) +
           ")";
  }
  return out;
}

}  // namespace inkwell::events::test

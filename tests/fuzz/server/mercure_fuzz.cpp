// A publisher's form and a subscriber's parameters in the wire forms of Mercure: any bytes are taken or refused, what
// is taken keeps its promises, and what is refused says why in printable words.
#include <cstdint>
#include <cstdlib>

#include "events/selector.hpp"
#include "server/routes/mercure_request.hpp"
#include "server/target.hpp"

using namespace inkwell;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto fields = server::parse_query({reinterpret_cast<const char*>(data), size});
  if (!fields) return 0;
  const auto update = server::read_update(*fields);
  if (!update && (!update.error().param() || update.error().message().empty())) std::abort();
  const auto selector = server::read_matchers(*fields, events::PrivateEvents::withheld());
  if (!selector && !selector.error().param()) std::abort();
  if (!update) return 0;
  for (const auto& topic : update->topics) {
    if (topic.empty() || topic == "*" || server::in_reserved_namespace(topic)) std::abort();
  }
  if (update->type.find_first_of("\r\n") != std::string::npos) std::abort();
  if (!selector) return 0;
  events::BroadcastEvent event;
  event.topics = update->topics;
  // A topic parameter that is also a topic of the update selects it, template or not; but never when it is private.
  bool named = false;
  for (const auto& [name, value] : *fields) named = named || name == "topic";
  if (named && !(*selector)->wants(event)) std::abort();
  event.is_private = true;
  if ((*selector)->wants(event)) std::abort();
  return 0;
}

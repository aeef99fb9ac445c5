// Requests in the wire forms of Mercure (https://mercure.rocks/spec), taken apart: the form a publisher posts, and the
// parameters a subscriber names its topics with, in the form of 0.x (topic=) and of 1.0 (match=, match_exact=). Pure;
// fuzzed.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <inkwell/error.hpp>

#include "events/event.hpp"
#include "events/selector.hpp"
#include "server/http.hpp"

namespace inkwell::server {

using FormFields = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t kMaxMatchers = 100;  ///< of one subscription

/// The event in a publisher's form. Fields that Mercure doesn't know are passed over. An id of the publisher's own is
/// checked and then not used: ids are those of the channel's log, because they are its cursors.
Result<events::Event> read_update(const FormFields& fields);

/// What a subscriber's parameters select. A parameter whose name begins with "match" and is none the hub knows is
/// refused.
Result<std::unique_ptr<const events::Selector>> read_matchers(const FormFields& fields,
                                                              events::PrivateEvents private_events);

/// Whether `topic` names something under /.well-known/mercure, which is the hub's own, however it is spelled: on any
/// host, with encoded letters, dot segments or backslashes.
bool in_reserved_namespace(std::string_view topic);

}  // namespace inkwell::server

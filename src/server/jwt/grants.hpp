// Grants: the topics a token lets its bearer publish to and read, from the claims of Mercure: `mercure` (0.x) or
// `authorization_details` (1.0, RFC 9396). An immutable value; safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/error.hpp>

#include "events/topics/matcher.hpp"
#include "server/json.hpp"

namespace inkwell::server {

class Grants {
 public:
  /// Which form the token had: it decides a few answers to its bearer.
  enum class Form : std::uint8_t { none, legacy, details };

  static constexpr std::size_t kMaxMatchers = 100;  ///< of one token, each way

  /// From a token's claims; one with neither claim grants nothing. One entry that isn't understood refuses the whole
  /// token: leaving it out would change what was meant.
  static Result<Grants> from_claims(const json::object& claims);
  /// What a ticket says: matchers of the 0.x form to read by.
  static Grants reading(const std::vector<std::string>& selectors);

  Form form() const noexcept { return form_; }
  bool may_publish(std::string_view topic) const;
  bool may_read(std::string_view topic) const;
  const std::vector<events::TopicMatcher>& readable() const noexcept { return subscribe_; }

  /// The JSON that goes with a subscription by `matcher`, which is taken for a topic; nothing when there is none.
  std::optional<std::string> payload_for(std::string_view matcher) const;

 private:
  struct Payload {
    std::vector<events::TopicMatcher> matchers;
    std::optional<std::string> json;
  };
  Result<void> read_legacy(const json::object& claim);
  Result<void> read_details(const json::array& details);
  Result<void> read_detail(const json::object& detail, std::size_t& total);

  Form form_ = Form::none;
  std::vector<events::TopicMatcher> publish_;
  std::vector<events::TopicMatcher> subscribe_;
  std::vector<Payload> payloads_;           ///< in the token's order: the first that matches counts
  std::optional<std::string> any_payload_;  ///< of the 0.x form: for every subscription
};

}  // namespace inkwell::server

// TopicMatcher: one expression of what topics a subscriber wants or may read. Three kinds: one exact topic (bytes are
// compared), every topic, and a URI template (RFC 6570, all four levels), which matches what it could expand to.
// Templates are compiled for a matcher that takes linear time whatever the template (https://github.com/google/re2),
// with bounded memory: they come from outside. An immutable value; cheap to copy; safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace inkwell::events {

/// Longest matcher taken, in bytes.
inline constexpr std::size_t kMaxMatcherBytes = 4096;

class TopicMatcher {
 public:
  /// One topic; "*" is every topic. Braces mean nothing.
  static TopicMatcher exact(std::string_view topic);
  /// What Mercure up to 0.x calls a topic selector: "*", or an exact topic, or a URI template. A malformed template, or
  /// one that costs too much to compile, matches the topic spelled like it and no other.
  static TopicMatcher selector(std::string_view text);
  /// By the name that Mercure 1.0 gives a kind of matcher: "exact". Nothing for a kind not known here.
  static std::optional<TopicMatcher> of_type(std::string_view type, std::string_view text);

  bool matches(std::string_view topic) const;
  bool matches_all() const noexcept { return all_; }
  bool is_template() const noexcept { return compiled_ != nullptr; }
  const std::string& text() const noexcept { return text_; }

 private:
  explicit TopicMatcher(std::string_view text) : text_(text), all_(text == "*") {}

  std::string text_;
  bool all_;
  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace inkwell::events

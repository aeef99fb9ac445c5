#include "events/topics/matcher.hpp"

#include <re2/re2.h>

#include "events/topics/uri_template.hpp"

namespace inkwell::events {
namespace {

/// Of one compiled template, its match-time cache included. RE2 matches without the cache, more slowly, when this is
/// too little for it, and refuses to compile what doesn't fit.
constexpr std::int64_t kMaxCompiledBytes = 256 << 10;

std::shared_ptr<const RE2> compile(std::string_view text) {
  if (text.size() > kMaxMatcherBytes || text.find('{') == std::string_view::npos) return nullptr;
  const auto expression = expression_of_template(text);
  if (!expression) return nullptr;
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);  // bytes; templates and topics are compared as such
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_dot_nl(true);
  options.set_max_mem(kMaxCompiledBytes);
  auto compiled = std::make_shared<const RE2>(*expression, options);
  return compiled->ok() ? compiled : nullptr;
}

}  // namespace

TopicMatcher TopicMatcher::exact(std::string_view topic) { return TopicMatcher(topic); }

TopicMatcher TopicMatcher::selector(std::string_view text) {
  TopicMatcher matcher(text);
  matcher.compiled_ = compile(text);
  return matcher;
}

std::optional<TopicMatcher> TopicMatcher::of_type(std::string_view type, std::string_view text) {
  if (type == "exact") return exact(text);
  return std::nullopt;
}

bool TopicMatcher::matches(std::string_view topic) const {
  if (all_ || topic == text_) return true;
  return compiled_ && RE2::FullMatch(re2::StringPiece(topic.data(), topic.size()), *compiled_);
}

}  // namespace inkwell::events

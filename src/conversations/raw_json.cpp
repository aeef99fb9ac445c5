#include "conversations/raw_json.hpp"

namespace inkwell::conversations {

RawJson::RawJson(std::string_view text) : text_(text) {
  skip_space();
  object_ = at_ < text_.size() && text_[at_] == '{';
  ++at_;
}

std::optional<RawJson::Member> RawJson::next() {
  skip_space();
  if (at_ < text_.size() && text_[at_] == ',') ++at_;
  skip_space();
  if (at_ >= text_.size() || text_[at_] == '}' || text_[at_] == ']') return std::nullopt;
  Member member;
  if (object_) {
    member.key = take_value();
    skip_space();
    ++at_;  // the colon
    skip_space();
  }
  member.value = take_value();
  return member;
}

void RawJson::skip_space() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
}

void RawJson::skip_string() {
  for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
    if (text_[at_] == '\\') ++at_;
  }
  ++at_;
}

std::string_view RawJson::take_value() {
  const std::size_t start = at_;
  int depth = 0;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      skip_string();
      if (depth == 0) break;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']' || c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r'))
      break;
    ++at_;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  if (at_ > text_.size()) at_ = text_.size();
  return text_.substr(start, at_ - start);
}

}  // namespace inkwell::conversations

#include "redis/resp/parser.hpp"

#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

namespace inkwell::redis::resp {
namespace {

constexpr std::size_t kCrlf = 2;
constexpr std::size_t kVerbatimPrefix = 4;  // "txt:"

std::optional<std::int64_t> integer_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc{} || end.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_real(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;  // "inf", "-inf" and "nan" are std::from_chars's as well as RESP3's
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec != std::errc::invalid_argument && end.ptr == text.data() + text.size();
}

bool is_big_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::string_view describe(ParseError error) noexcept {
  switch (error) {
    case ParseError::none:
      return "no error";
    case ParseError::unknown_type:
      return "a value of unknown type";
    case ParseError::bad_number:
      return "a malformed or overflowing number or length";
    case ParseError::missing_crlf:
      return "a line or payload without its CR LF";
    case ParseError::line_too_long:
      return "a line over the length limit";
    case ParseError::too_deep:
      return "aggregates nested over the depth limit";
    case ParseError::too_many_values:
      return "a reply of more values than the limit";
    case ParseError::too_large:
      return "a reply over the size limit";
    case ParseError::misplaced:
      return "a streamed chunk or end mark where none belongs";
  }
  return "an unknown error";
}

Parser::Status Parser::parse(char* data, std::size_t size) {
  for (;;) {
    const Step step = in_payload_ ? payload(data, size) : line(data, size);
    switch (step) {
      case Step::next:
        break;
      case Step::need_more:
        return Status::need_more;
      case Step::complete:
        return Status::complete;
      case Step::failed:
        return Status::failed;
    }
  }
}

void Parser::reset() noexcept {
  nodes_.clear();
  open_.clear();
  position_ = scanned_ = 0;
  wanted_ = 1;
  in_payload_ = false;
  error_ = ParseError::none;
}

Parser::Step Parser::fail(ParseError error) {
  error_ = error;
  return Step::failed;
}

Parser::Step Parser::line(char* data, std::size_t size) {
  const char* from = data + scanned_;
  const auto* feed = size > scanned_ ? static_cast<const char*>(std::memchr(from, '\n', size - scanned_)) : nullptr;
  if (feed == nullptr) {
    scanned_ = size;
    wanted_ = size + 1;
    return size - position_ > limits_.max_line ? fail(ParseError::line_too_long) : Step::need_more;
  }
  const auto end = static_cast<std::size_t>(feed - data);
  if (end - position_ > limits_.max_line) return fail(ParseError::line_too_long);
  if (end == position_ || data[end - 1] != '\r') return fail(ParseError::missing_crlf);
  const std::string_view text(data + position_, end - 1 - position_);
  const std::size_t offset = position_;
  position_ = scanned_ = end + 1;
  if (position_ > limits_.max_bytes) return fail(ParseError::too_large);
  return header(text, offset);
}

Parser::Step Parser::header(std::string_view text, std::size_t text_offset) {
  if (text.empty()) return fail(ParseError::unknown_type);
  const char kind = text.front();
  const bool in_streamed_string = !open_.empty() && open_.back().frame == Frame::streamed_string;
  if (in_streamed_string != (kind == ';')) return fail(ParseError::misplaced);
  text.remove_prefix(1);
  switch (kind) {
    case '$':
      return text == "?" ? open_streamed_string() : bulk(Type::string, text, 0);
    case '!':
      return bulk(Type::error, text, 0);
    case '=':
      return bulk(Type::string, text, kVerbatimPrefix);
    case '*':
      return aggregate(Type::array, text, 1, Frame::counted);
    case '~':
      return aggregate(Type::set, text, 1, Frame::counted);
    case '>':
      return aggregate(Type::push, text, 1, Frame::counted);
    case '%':
      return aggregate(Type::map, text, 2, Frame::counted);
    case '|':
      return aggregate(Type::map, text, 2, Frame::attribute);
    case ';':
      return chunk(text);
    case '.':
      return text.empty() ? end_of_stream() : fail(ParseError::misplaced);
    default:
      return scalar(kind, text, text_offset + 1);
  }
}

Parser::Step Parser::scalar(char kind, std::string_view text, std::size_t text_offset) {
  switch (kind) {
    case '+':
      return add(Type::string, text_offset, text.size());
    case '-':
      return add(Type::error, text_offset, text.size());
    case '_':
      return text.empty() ? add(Type::null, 0, 0) : fail(ParseError::bad_number);
    case ':': {
      const auto value = integer_of(text);
      return value ? add(Type::integer, 0, std::bit_cast<std::uint64_t>(*value)) : fail(ParseError::bad_number);
    }
    case ',':
      return is_real(text) ? add(Type::real, text_offset, text.size()) : fail(ParseError::bad_number);
    case '(':
      return is_big_number(text) ? add(Type::big_number, text_offset, text.size()) : fail(ParseError::bad_number);
    case '#':
      if (text != "t" && text != "f") return fail(ParseError::bad_number);
      return add(Type::boolean, 0, text == "t" ? 1 : 0);
    default:
      return fail(ParseError::unknown_type);
  }
}

Parser::Step Parser::bulk(Type type, std::string_view text, std::size_t prefix) {
  const auto length = integer_of(text);
  if (!length || *length < -1) return fail(ParseError::bad_number);
  if (*length == -1) return add(Type::null, 0, 0);  // RESP2's null string
  const auto bytes = static_cast<std::uint64_t>(*length);
  if (bytes > limits_.max_bytes || position_ + bytes + kCrlf > limits_.max_bytes) return fail(ParseError::too_large);
  if (bytes < prefix) return fail(ParseError::bad_number);
  in_payload_ = true;
  payload_type_ = type;
  payload_prefix_ = prefix;
  payload_length_ = bytes;
  return Step::next;
}

Parser::Step Parser::payload(char* data, std::size_t size) {
  const std::size_t end = position_ + payload_length_;
  if (size < end + kCrlf) {
    wanted_ = end + kCrlf;
    return Step::need_more;
  }
  if (data[end] != '\r' || data[end + 1] != '\n') return fail(ParseError::missing_crlf);
  const std::size_t start = position_;
  position_ = scanned_ = end + kCrlf;
  in_payload_ = false;
  if (!open_.empty() && open_.back().frame == Frame::streamed_string) {
    // Chunks are moved together, always towards the front, so that the string is whole without a buffer of its own.
    Node& whole = nodes_[open_.back().node];
    std::memmove(data + whole.offset + whole.length, data + start, payload_length_);
    whole.length += payload_length_;
    return Step::next;
  }
  return add(payload_type_, start + payload_prefix_, payload_length_ - payload_prefix_);
}

Parser::Step Parser::open_streamed_string() {
  if (nodes_.size() >= limits_.max_values) return fail(ParseError::too_many_values);
  open_.push_back({Frame::streamed_string, static_cast<std::uint32_t>(nodes_.size()), 0});
  nodes_.push_back(Node{.type = Type::string, .children = 0, .extent = 1, .offset = position_, .length = 0});
  return Step::next;
}

Parser::Step Parser::chunk(std::string_view text) {
  const auto length = integer_of(text);
  if (!length || *length < 0) return fail(ParseError::bad_number);
  if (*length > 0) return bulk(Type::string, text, 0);
  open_.pop_back();  // ";0" ends the string
  return finish_value();
}

Parser::Step Parser::aggregate(Type type, std::string_view text, std::uint64_t per_entry, Frame frame) {
  if (open_.size() >= limits_.max_depth) return fail(ParseError::too_deep);
  const bool streamed = text == "?" && frame == Frame::counted;
  const auto entries = streamed ? std::optional<std::int64_t>(0) : integer_of(text);
  if (!entries || *entries < -1) return fail(ParseError::bad_number);
  if (*entries == -1) return type == Type::array ? add(Type::null, 0, 0) : fail(ParseError::bad_number);
  const auto children = static_cast<std::uint64_t>(*entries) * per_entry;
  if (static_cast<std::uint64_t>(*entries) > limits_.max_values || nodes_.size() + children >= limits_.max_values) {
    return fail(ParseError::too_many_values);
  }
  open_.push_back({streamed ? Frame::streamed : frame, static_cast<std::uint32_t>(nodes_.size()), children});
  nodes_.push_back(
      Node{.type = type, .children = static_cast<std::uint32_t>(children), .extent = 1, .offset = 0, .length = 0});
  if (streamed || children > 0) return Step::next;
  return close_top() ? finish_value() : Step::next;
}

Parser::Step Parser::end_of_stream() {
  if (open_.empty() || open_.back().frame != Frame::streamed) return fail(ParseError::misplaced);
  const Node& node = nodes_[open_.back().node];
  if (node.type == Type::map && node.children % 2 != 0) return fail(ParseError::misplaced);
  close_top();
  return finish_value();
}

Parser::Step Parser::add(Type type, std::uint64_t offset, std::uint64_t length) {
  if (nodes_.size() >= limits_.max_values) return fail(ParseError::too_many_values);
  nodes_.push_back(Node{.type = type, .children = 0, .extent = 1, .offset = offset, .length = length});
  return finish_value();
}

// Closes the innermost aggregate; true when it was a value, false when it was an attribute, which is dropped with all
// it holds.
bool Parser::close_top() {
  const Open top = open_.back();
  open_.pop_back();
  if (top.frame == Frame::attribute) {
    nodes_.resize(top.node);
    return false;
  }
  nodes_[top.node].extent = static_cast<std::uint32_t>(nodes_.size() - top.node);
  return true;
}

// A value has ended: tells the aggregates around it, and ends those of which it was the last.
Parser::Step Parser::finish_value() {
  while (!open_.empty()) {
    Open& top = open_.back();
    if (top.frame == Frame::streamed) {
      ++nodes_[top.node].children;
      return Step::next;
    }
    if (--top.remaining > 0) return Step::next;
    if (!close_top()) return Step::next;  // an attribute: the value it belongs to comes now
  }
  return Step::complete;
}

}  // namespace inkwell::redis::resp

#include "events/wire/sse.hpp"

#include <charconv>
#include <limits>

namespace inkwell::events::wire {
namespace {

void append_number(std::string& out, std::uint32_t value) {
  char text[16];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name);
  out.append(": ");
  out.append(value);
  out.push_back('\n');
}

void append_data(std::string& out, std::string_view data) {
  while (true) {
    const auto end = data.find_first_of("\r\n");
    append_line(out, "data", data.substr(0, end));
    if (end == std::string_view::npos) return;
    const bool pair = data[end] == '\r' && end + 1 < data.size() && data[end + 1] == '\n';
    data.remove_prefix(end + (pair ? 2 : 1));
  }
}

bool all_digits(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

void append_event(std::string& out, const SseFields& fields) {
  out.reserve(out.size() + fields.type.size() + fields.id.size() + fields.data.size() + 48);
  if (!fields.type.empty()) append_line(out, "event", fields.type);
  if (fields.retry_ms) {
    out.append("retry: ");
    append_number(out, *fields.retry_ms);
    out.push_back('\n');
  }
  if (!fields.id.empty()) append_line(out, "id", fields.id);
  append_data(out, fields.data);
  out.push_back('\n');
}

void append_retry(std::string& out, std::uint32_t retry_ms) {
  out.append("retry: ");
  append_number(out, retry_ms);
  out.append("\n\n");
}

bool SseParser::keep(std::string_view piece) {
  if (line_.size() + piece.size() > max_bytes_) return false;
  line_.append(piece);
  return true;
}

bool SseParser::feed(std::string_view bytes) {
  while (!failed_ && !bytes.empty()) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const auto end = bytes.find_first_of("\r\n");
    if (!keep(bytes.substr(0, end))) {
      failed_ = true;
      break;
    }
    if (end == std::string_view::npos) break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    line(line_);
    line_.clear();
  }
  return !failed_;
}

void SseParser::line(std::string_view text) {
  if (at_start_) {
    at_start_ = false;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  }
  if (text.empty()) return dispatch();
  const auto colon = text.find(':');
  if (colon == 0) return;
  if (colon == std::string_view::npos) return field(text, {});
  std::string_view value = text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  field(text.substr(0, colon), value);
}

void SseParser::field(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (data_.size() + value.size() + 1 > max_bytes_) {
      failed_ = true;
      return;
    }
    if (has_data_) data_.push_back('\n');
    data_.append(value);
    has_data_ = true;
  } else if (name == "event") {
    type_.assign(value);
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) id_.assign(value);
  } else if (name == "retry" && all_digits(value)) {
    std::uint32_t retry = std::numeric_limits<std::uint32_t>::max();  // what a number too large for it amounts to
    std::from_chars(value.data(), value.data() + value.size(), retry);
    if (on_retry) on_retry(retry);
  }
}

void SseParser::dispatch() {
  last_event_id_ = id_;
  if (has_data_ && on_event) on_event({.type = type_, .data = data_, .last_event_id = last_event_id_});
  data_.clear();
  type_.clear();
  has_data_ = false;
}

}  // namespace inkwell::events::wire

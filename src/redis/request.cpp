#include <inkwell/redis/request.hpp>

#include "redis/spare_wire.hpp"

namespace inkwell::redis {
namespace {

void append_header(std::string& wire, char type, std::size_t count) {
  char text[24];
  text[0] = type;
  const auto end = std::to_chars(text + 1, text + sizeof text, count);
  wire.append(text, end.ptr);
  wire.append("\r\n", 2);
}

}  // namespace

void Request::begin(std::size_t arguments) {
  if (commands_ == 0 && wire_.capacity() <= std::string().capacity()) wire_ = take_spare_wire();
  append_header(wire_, '*', arguments);
  ++commands_;
}

void Request::bulk(std::string_view text) {
  append_header(wire_, '$', text.size());
  wire_.append(text);
  wire_.append("\r\n", 2);
}

}  // namespace inkwell::redis

// Any bytes, as a stream of replies: however they are cut into reads and wherever the buffer moves, the same replies
// come out; every node stays within its reply; and what was read, written again canonically, reads as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/redis/reply.hpp>

#include "redis/resp/parser.hpp"

namespace {

using inkwell::redis::Node;
using inkwell::redis::Type;
using inkwell::redis::View;
using inkwell::redis::resp::Limits;
using inkwell::redis::resp::ParseError;
using inkwell::redis::resp::Parser;

constexpr Limits kLimits{.max_bytes = 1 << 20, .max_line = 4096, .max_values = 10'000, .max_depth = 16};

void require(bool holds) {
  if (!holds) std::abort();
}

void encode(View view, std::string& out) {
  const auto line = [&](char kind, std::string_view text) {
    out += kind;
    out += text;
    out += "\r\n";
  };
  const auto bulk = [&](char kind) {
    line(kind, std::to_string(view.text().size()));
    out += view.text();
    out += "\r\n";
  };
  switch (view.type()) {
    case Type::null:
      return line('_', "");
    case Type::string:
      return bulk('$');
    case Type::error:
      return bulk('!');
    case Type::integer:
      return line(':', std::to_string(*view.integer()));
    case Type::real:
      return line(',', view.text());
    case Type::boolean:
      return line('#', *view.integer() != 0 ? "t" : "f");
    case Type::big_number:
      return line('(', view.text());
    case Type::array:
      line('*', std::to_string(view.size()));
      break;
    case Type::set:
      line('~', std::to_string(view.size()));
      break;
    case Type::push:
      line('>', std::to_string(view.size()));
      break;
    case Type::map:
      require(view.size() % 2 == 0);
      line('%', std::to_string(view.size() / 2));
      break;
  }
  std::size_t children = 0;
  for (const View child : view) {
    encode(child, out);
    ++children;
  }
  require(children == view.size());
}

void check_bounds(const std::vector<Node>& nodes, std::size_t consumed) {
  require(!nodes.empty() && nodes.front().extent == nodes.size());
  for (const Node& node : nodes) {
    const bool text = node.type == Type::string || node.type == Type::error || node.type == Type::real ||
                      node.type == Type::big_number;
    if (text) require(node.offset <= consumed && node.length <= consumed - node.offset);
  }
}

struct Outcome {
  std::vector<std::string> replies;  // canonical
  ParseError error = ParseError::none;
  bool operator==(const Outcome&) const = default;
};

/// Reads `bytes` in pieces whose sizes `next` gives, in a buffer that is a fresh one after every read.
template <class Next>
Outcome read(std::string_view bytes, Next next) {
  Outcome outcome;
  Parser parser(kLimits);
  std::string buffer;
  while (!bytes.empty()) {
    const std::size_t piece = std::min(bytes.size(), next());
    std::string moved = buffer + std::string(bytes.substr(0, piece));
    buffer.swap(moved);
    bytes.remove_prefix(piece);
    for (;;) {
      if (buffer.empty()) break;
      const auto status = parser.parse(buffer.data(), buffer.size());
      if (status == Parser::Status::failed) {
        outcome.error = parser.error();
        return outcome;
      }
      if (status == Parser::Status::need_more) {
        require(parser.wanted() > buffer.size());
        break;
      }
      require(parser.consumed() > 0 && parser.consumed() <= buffer.size());
      check_bounds(parser.nodes(), parser.consumed());
      std::string canonical;
      encode(View(parser.nodes().data(), buffer.data()), canonical);
      outcome.replies.push_back(std::move(canonical));
      buffer.erase(0, parser.consumed());
      parser.reset();
    }
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Outcome whole = read(bytes, [] { return std::size_t{1} << 30; });
  std::uint64_t seed = size;
  for (std::size_t i = 0; i < size; ++i) seed = seed * 1099511628211U + data[i];
  std::minstd_rand random(static_cast<std::uint32_t>(seed));
  require(read(bytes, [&] { return std::size_t{1} + random() % 7; }) == whole);
  if (size < 512) require(read(bytes, [] { return std::size_t{1}; }) == whole);
  for (const std::string& reply : whole.replies) {
    const Outcome again = read(reply, [] { return std::size_t{1} << 30; });
    // A canonical form can be longer than the form it was read in, and so cross the bound on lines or bytes.
    if (again.error == ParseError::line_too_long || again.error == ParseError::too_large) continue;
    require(again.error == ParseError::none && again.replies.size() == 1 && again.replies.front() == reply);
  }
  return 0;
}

// Parser: an incremental RESP3 decoder (https://redis.io/docs/latest/develop/reference/protocol-spec/) that does no
// I/O. It is handed the bytes of one reply as they arrive and remembers where it stopped, so that a reply split at
// every byte costs linear time. Payloads are noted as offsets from the reply's first byte: the buffer may move between
// calls. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <inkwell/redis/reply.hpp>

namespace inkwell::redis::resp {

enum class ParseError : std::uint8_t {
  none,
  unknown_type,  ///< the first byte of a value is none of RESP3's
  bad_number,    ///< an integer, length, double or boolean that is none, or is out of range
  missing_crlf,  ///< a line or payload that doesn't end in CR LF
  line_too_long,
  too_deep,
  too_many_values,
  too_large,
  misplaced,  ///< a chunk or an end mark outside of a streamed value
};

std::string_view describe(ParseError error) noexcept;

struct Limits {
  std::size_t max_bytes = std::size_t{512} << 20;  ///< of one whole reply
  std::size_t max_line = std::size_t{64} << 10;    ///< of a length, number, simple string or simple error
  std::uint32_t max_values = 1U << 24;             ///< nodes of one reply
  std::uint32_t max_depth = 32;                    ///< aggregates within aggregates
};

class Parser {
 public:
  explicit Parser(Limits limits = {}) : limits_(limits) {}

  enum class Status : std::uint8_t { need_more, complete, failed };

  /// Goes on with the current reply, of which `size` bytes from its first one are at `data`; bytes seen before must be
  /// unchanged. (They are writable because the chunks of a streamed string are moved together in place.) Bytes of later
  /// replies may follow.
  Status parse(char* data, std::size_t size);

  /// After complete: length of the reply in bytes.
  std::size_t consumed() const noexcept { return position_; }
  /// After need_more: how many bytes from the reply's first one it takes at least to go on.
  std::size_t wanted() const noexcept { return wanted_; }
  /// After failed.
  ParseError error() const noexcept { return error_; }

  /// After complete: the reply's nodes, valid until reset().
  const std::vector<Node>& nodes() const noexcept { return nodes_; }
  /// Ready for the next reply; a half-read one is forgotten.
  void reset() noexcept;

 private:
  enum class Frame : std::uint8_t { counted, streamed, attribute, streamed_string };
  struct Open {
    Frame frame;
    std::uint32_t node;       ///< index of the aggregate's node
    std::uint64_t remaining;  ///< values still to come; unused where streamed
  };
  enum class Step : std::uint8_t { next, need_more, complete, failed };

  Step payload(char* data, std::size_t size);
  Step line(char* data, std::size_t size);
  Step header(std::string_view text, std::size_t text_offset);
  Step scalar(char kind, std::string_view text, std::size_t text_offset);
  Step bulk(Type type, std::string_view text, std::size_t prefix);
  Step open_streamed_string();
  Step aggregate(Type type, std::string_view text, std::uint64_t per_entry, Frame frame);
  Step chunk(std::string_view text);
  Step end_of_stream();
  Step add(Type type, std::uint64_t offset, std::uint64_t length);
  Step finish_value();
  bool close_top();
  Step fail(ParseError error);

  Limits limits_;
  std::vector<Node> nodes_;
  std::vector<Open> open_;
  std::size_t position_ = 0;  ///< parsed so far
  std::size_t scanned_ = 0;   ///< searched for the end of the current line so far
  std::size_t wanted_ = 1;
  bool in_payload_ = false;
  Type payload_type_ = Type::string;
  std::size_t payload_prefix_ = 0;  ///< bytes of it that are no content (verbatim strings)
  std::uint64_t payload_length_ = 0;
  ParseError error_ = ParseError::none;
};

}  // namespace inkwell::redis::resp

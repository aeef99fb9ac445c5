// A raw HTTP client for tests: sends the bytes it is given, whatever they are, and reads whole answers. Blocking, with
// a deadline on everything; knows of HTTP only what it needs to find where an answer ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace inkwell::test {

struct HttpAnswer {
  int status = 0;
  std::multimap<std::string, std::string> headers;  ///< names in lower case
  std::string body;

  std::string header(const std::string& lower_case_name) const;  ///< empty when absent
};

class HttpClient {
 public:
  using Wait = std::chrono::milliseconds;

  /// Connects to 127.0.0.1; throws when it cannot.
  explicit HttpClient(std::uint16_t port, Wait deadline = std::chrono::seconds(20));
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  /// Sends all of `bytes`; false when the peer has closed or takes nothing more before the deadline.
  bool send(std::string_view bytes);
  /// The next answer; throws when the connection ends or the deadline passes first. An answer to HEAD has no body.
  HttpAnswer receive(bool to_head = false);
  /// send() and receive().
  HttpAnswer exchange(std::string_view bytes, bool to_head = false);
  /// "METHOD target" with Host and, when there is a body, its length as JSON; `extra` are whole lines ending in CRLF.
  HttpAnswer request(std::string_view method, std::string_view target, std::string_view body = {},
                     std::string_view extra = {});

  /// Reads one line, without its end (LF or CRLF); nothing at the end of the stream; throws at the deadline.
  std::optional<std::string> read_line();
  /// The header of an answer whose body is a stream; its body is then read by line.
  HttpAnswer receive_header();
  /// True when the peer closes (or resets) before the deadline; what it still sends is dropped.
  bool closed_by_peer();
  void shut_down_sending();
  void close();

 private:
  bool fill();  ///< reads some more; false at the end of the stream
  std::string take(std::size_t size);

  int fd_ = -1;
  Wait deadline_;
  std::string buffer_;
};

/// One request on a connection of its own.
HttpAnswer http_request(std::uint16_t port, std::string_view method, std::string_view target,
                        std::string_view body = {}, std::string_view extra = {});

}  // namespace inkwell::test

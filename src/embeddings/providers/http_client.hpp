// HttpClient: HTTP requests to upstreams, by libcurl's multi interface driven by our loop: libcurl says which sockets
// and which time-out it waits for (CURLMOPT_SOCKETFUNCTION, CURLMOPT_TIMERFUNCTION), Asio waits for them. Connections
// are kept and reused; TLS, proxies (environment) and HTTP/2 are libcurl's. Lives on one executor (one thread).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <inkwell/error.hpp>

namespace inkwell::embeddings {

struct HttpCall {
  std::string url;                   ///< http or https
  std::vector<std::string> headers;  ///< whole lines, "Name: value"
  std::string body;                  ///< sent by POST
  std::string ca_file;               ///< PEM, the authorities trusted; empty: the system's
  std::chrono::milliseconds timeout{30'000};
  std::size_t max_answer_bytes = 64u << 20;
};

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;                                          ///< decompressed

  /// The first header of that (lower-case) name; empty when there is none.
  std::string_view header(std::string_view name) const noexcept;
};

class HttpClient {
 public:
  HttpClient(boost::asio::any_io_executor executor, std::size_t max_connections);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  /// Every post() must have ended.
  ~HttpClient();

  /// An answer of any status is an answer. Errors: unavailable (upstream_unreachable: nothing was sent), upstream
  /// (upstream_broken: the connection was lost or what came is no HTTP; upstream_answer_too_large), deadline_exceeded
  /// (upstream_timeout). Redirects are not followed. Cancelling it ends the request and its connection.
  boost::asio::awaitable<Result<HttpAnswer>> post(HttpCall call);

 private:
  class Impl;
  class Transfer;
  std::shared_ptr<Impl> impl_;
};

}  // namespace inkwell::embeddings

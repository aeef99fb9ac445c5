// Bodies that are made while they are sent: chunked transfer coding (RFC 9112 section 7.1), one piece in memory at a
// time. An answer that breaks off half-way lacks its last chunk, so that a client can tell.
#pragma once

#include <memory>
#include <string>

#include <inkwell/error.hpp>

#include "server/http.hpp"

namespace inkwell::server {

class Worker;

class BodySource {
 public:
  virtual ~BodySource() = default;
  /// The next piece; an empty one is the end, an error breaks the answer off. Called on the worker's thread.
  virtual asio::awaitable<Result<std::string>> next() = 0;
};

/// Answers 200 with what `source` gives. The connection is closed behind it.
HandlerResult send_as_made(Worker& worker, const HttpRequest& request, std::string content_type,
                           std::unique_ptr<BodySource> source);

}  // namespace inkwell::server

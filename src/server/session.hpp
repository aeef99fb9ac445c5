// The life of one HTTP/1.1 connection (RFC 9112): read a request, run its handler, write the answer, again. The next
// request is read only after the answer to the one before was written, so pipelined requests are answered in order and
// bounded by the buffer. Each is a coroutine in the worker's gate.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "base/asio.hpp"

namespace inkwell::server {

class Worker;

/// Serves `socket` until either side closes it, a handler takes it over, or the server drains. `ticket` is what
/// Connections::admit gave.
asio::awaitable<void> serve_connection(Worker& worker, asio::ip::tcp::socket socket, std::shared_ptr<void> ticket);

/// Tells a connection over the limit so (503 with Retry-After) and closes it.
asio::awaitable<void> refuse_connection(Worker& worker, asio::ip::tcp::socket socket, std::shared_ptr<void> place);

}  // namespace inkwell::server

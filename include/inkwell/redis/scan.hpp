// Scan: the keys of a server, page by page (https://redis.io/docs/latest/commands/scan/), as an asynchronous range:
//
//   Scan scan(client, {.match = "user:*"});
//   for (;;) {
//     auto page = co_await scan.next();
//     if (!page) co_return std::unexpected(page.error());   // next() may be called again: it asks for the same page
//     if (page->empty()) break;                             // the end
//     for (const std::string& key : *page) ...
//   }
//
// What SCAN promises holds: a key that is there from the first page to the last is returned at least once, perhaps more
// than once. One server's keys: of a cluster, scan each master. Lives on its client's executor.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include <inkwell/error.hpp>

namespace inkwell::redis {

class Client;

struct ScanOptions {
  std::string match{};         ///< glob-style pattern; empty: every key
  std::string type{};          ///< "string", "stream", ...; empty: every type
  std::uint32_t count = 1000;  ///< keys the server looks at for a page
};

class Scan {
 public:
  /// `client` must outlive it.
  explicit Scan(Client& client, ScanOptions options = {}) : client_(client), options_(std::move(options)) {}

  /// The next keys, never an empty page before the end; empty at the end, and ever after. One call at a time.
  boost::asio::awaitable<Result<std::vector<std::string>>> next();

 private:
  Client& client_;
  ScanOptions options_;
  std::string cursor_ = "0";
  bool ended_ = false;
};

}  // namespace inkwell::redis

// BlockingClient: a Client for threads that simply wait. It runs a loop on a thread of its own; any number of threads
// call it at once, and what they ask together is pipelined over the one connection.
//
//   BlockingClient redis(options);
//   auto answer = redis.command("GET", "greeting");
//   auto text = decode<std::optional<std::string>>(answer);
//
// Threads: every member may be called from any thread but the client's own (a hook of Options runs there: a call from
// it would wait for itself and throws std::logic_error). A call takes a mutex and a wake-up of the loop; where
// throughput matters use Client. Deadlines, errors and what they say of the outcome are Client's.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <inkwell/redis/client.hpp>

namespace inkwell::redis {

class BlockingClient {
 public:
  /// Starts its thread and connects; the first calls wait for that.
  explicit BlockingClient(const Options& options);
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;
  /// Closes the client and joins the thread. No call may be under way.
  ~BlockingClient();

  template <Argument... Args>
  Result<Reply> command(std::string_view name, const Args&... args) {
    return execute(Request(name, args...));
  }
  /// As the members of Client of the same name.
  Result<Reply> execute(Request request, CallOptions options = {});
  std::vector<Result<Reply>> execute_all(Request request, CallOptions options = {});
  Result<Reply> run(const Script& script, std::vector<std::string> keys, std::vector<std::string> arguments,
                    CallOptions options = {});
  ClientStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace inkwell::redis

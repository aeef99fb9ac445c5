// Commands that wait at the server, over connections of a pool: StreamReader follows streams, pop() waits for an
// element of a list, execute_blocking() sends any other. The server frees itself when the caller is cancelled: the
// connection is closed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <inkwell/redis/decode.hpp>
#include <inkwell/redis/pool.hpp>

namespace inkwell::redis {

/// Sends one command that may wait at the server for up to `block` (which its own arguments say too), over a connection
/// to who serves `key` (see Pool::acquire). Its deadline is Options::command_timeout later than that. Never sent twice.
boost::asio::awaitable<Result<Reply>> execute_blocking(Pool& pool, std::string key, Request request,
                                                       std::chrono::milliseconds block);

enum class Side : std::uint8_t { left, right };

/// BLPOP or BRPOP: the first element that any of `keys` (at least one; of one slot on a cluster) has or gets, with its
/// key; nothing after `block` without one (0 or less: does not wait). An element whose answer was lost is lost with it:
/// the Error then says outcome_unknown(). Where none may be lost, move it (BLMOVE) to a list of those in work.
boost::asio::awaitable<Result<std::optional<std::pair<std::string, std::string>>>> pop(Pool& pool,
                                                                                       std::vector<std::string> keys,
                                                                                       Side side,
                                                                                       std::chrono::milliseconds block);

/// The same of one list.
boost::asio::awaitable<Result<std::optional<std::pair<std::string, std::string>>>> pop(Pool& pool, std::string key,
                                                                                       Side side,
                                                                                       std::chrono::milliseconds block);

struct StreamReaderOptions {
  std::size_t count = 100;  ///< entries of a stream a read, at most
};

/// Follows streams from a cursor each (XREAD BLOCK): every entry once, in order, whatever connections come and go.
/// Entries that are trimmed before they are read are not told of. Keeps a connection of the pool only while it waits.
class StreamReader {
 public:
  using Entries = std::map<std::string, std::vector<StreamEntry>>;

  /// `cursors`: for each stream the id after which to begin, "0" for its start or "$" for what is added after the first
  /// read has begun. At least one; all of one slot on a cluster. `pool` must outlive it.
  StreamReader(Pool& pool, std::map<std::string, std::string> cursors, StreamReaderOptions options = {});

  /// The next entries by stream, never an empty vector; an empty map after `block` without any (0 or less: does not
  /// wait). A lost connection or a failover is waited out within `block`; after an Error it may be called again and
  /// goes on where it was. One call at a time. A "$" that no read has replaced yet begins anew with each call.
  boost::asio::awaitable<Result<Entries>> next(std::chrono::milliseconds block);

  /// Where each stream has been read to.
  const std::map<std::string, std::string>& cursors() const noexcept { return cursors_; }

 private:
  using Clock = std::chrono::steady_clock;
  boost::asio::awaitable<Result<Entries>> read(std::chrono::milliseconds block);
  Request request(std::chrono::milliseconds block) const;

  Pool& pool_;
  std::map<std::string, std::string> cursors_;
  const StreamReaderOptions options_;
};

}  // namespace inkwell::redis

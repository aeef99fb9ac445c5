// Generations: what a language model writes, kept in a channel while it is written, so that readers may come, leave and
// come back. A generation has one producer, which holds it by a lease; it ends once - finished, failed or stopped -
// with an event of type "inkwell.end" in the log, which tells its readers so in place. Its record and its events share
// the channel's hash tag and change together (generation.lua). Holds no state but the channels being watched; lives on
// its store's executor (one thread). Knows nothing of HTTP.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/asio.hpp"
#include "base/gate.hpp"
#include "events/event.hpp"
#include "events/generations/options.hpp"
#include "keyspace/store.hpp"

namespace inkwell::events {

struct Generation {
  enum class State : std::uint8_t { none, streaming, finished, failed, stopped };
  State state = State::none;
  EventId after{};           ///< the channel's last event before it; kNoEvent when the channel was empty
  EventId last{};            ///< its last event so far: once it has ended, the end
  std::uint64_t events = 0;  ///< without the end
  std::chrono::milliseconds lease_left{};
  bool applied = false;        ///< what was asked for has been done
  bool cursor_at_end = false;  ///< look: the cursor is a generation's end, so its reader has everything
};
std::string_view name_of(Generation::State state) noexcept;

/// A producer's hold on its generation. Made by begin(); a value, used for one append at a time.
struct Producer {
  std::string channel;
  std::string id;
  std::uint64_t batches = 0;
};

class Generations {
 public:
  /// `store` must outlive it.
  Generations(asio::any_io_executor executor, keyspace::Store& store, GenerationOptions options);

  /// Refused (conflict) while another producer holds the channel.
  asio::awaitable<Result<Producer>> begin(std::string channel);

  /// Nothing more comes.
  struct End {
    Generation::State state = Generation::State::finished;  ///< finished or failed
    std::string_view reason;                                ///< a word of ours; empty: none
  };
  /// Appends all of `events` (valid ones, at most kMaxBatchEvents; none renews the lease only), and the end with them.
  /// Tried again while Redis is away, for as long as the lease may hold; never applied twice. Not applied when the
  /// generation has ended meanwhile: its state says how.
  asio::awaitable<Result<Generation>> append(Producer& producer, std::vector<Event> events,
                                             std::optional<End> end = std::nullopt);

  /// `cursor`: the reader's, or kNoEvent.
  asio::awaitable<Result<Generation>> look(std::string channel, EventId cursor);
  /// Ends it as stopped; the producer learns of it with its next append. Not applied when there is none, or none any
  /// more.
  asio::awaitable<Result<Generation>> stop(std::string channel);

  /// Looks at the channel's generation whenever its lease may have run out, until it has ended or `wanted` says that
  /// nobody here reads it any more. Who watches is told of a lost producer by the end in the log.
  void watch(const std::string& channel, std::function<bool()> wanted);

  asio::awaitable<void> close();
  const GenerationOptions& options() const noexcept { return options_; }

 private:
  asio::awaitable<Result<Generation>> run(std::string channel, std::vector<std::string> arguments);
  static asio::awaitable<void> keep_watch(Generations& self, std::string channel);

  asio::any_io_executor executor_;
  keyspace::Store& store_;
  GenerationOptions options_;
  std::unordered_map<std::string, std::function<bool()>> watched_;
  Gate gate_;
};

}  // namespace inkwell::events

// Gate: the owner of coroutines. Every coroutine that is not awaited where it is made is spawned through a gate, which
// can cancel and await all of them and ends the process, loudly, when one throws (asio::detached would swallow it).
// Lives on one executor that runs on one thread; every member is called on that thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <list>
#include <string>
#include <string_view>

#include "base/asio.hpp"

namespace inkwell {

class Gate {
 public:
  explicit Gate(asio::any_io_executor executor);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  /// Aborts when coroutines are still inside: whoever owns a gate awaits close() before it lets go of it.
  ~Gate();

  /// Starts `task` on the executor. `name` appears in the report if it throws; it must be a literal or outlive the
  /// task. After close() has begun, the task is dropped unstarted.
  void spawn(std::string_view name, asio::awaitable<void> task);

  /// Asks every coroutine inside to end (terminal cancellation: their next suspended operation fails with
  /// operation_aborted).
  void cancel();

  /// Refuses newcomers, cancels, and returns once every coroutine inside has ended. Called at most once at a time.
  asio::awaitable<void> close();

  /// Returns once nothing is inside, without cancelling anything.
  asio::awaitable<void> wait_until_empty();

  std::size_t size() const noexcept { return tasks_.size(); }

 private:
  struct Task {
    std::string_view name;
    asio::cancellation_signal signal;
  };
  void finished(std::list<Task>::iterator task, std::exception_ptr error);

  asio::any_io_executor executor_;
  asio::steady_timer emptied_;
  std::list<Task> tasks_;
  bool closing_ = false;
};

}  // namespace inkwell

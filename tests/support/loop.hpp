// Runs a coroutine to its end on a loop of its own, under a deadline; and waits for conditions, never for time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <stdexcept>
#include <utility>

namespace inkwell::test {

namespace asio = boost::asio;

inline constexpr std::chrono::seconds kDeadline{60};

/// Runs `task` on `io` until it has ended; throws when it throws or when `deadline` passes first.
template <class T>
T run_on(asio::io_context& io, asio::awaitable<T> task, std::chrono::milliseconds deadline = kDeadline) {
  std::exception_ptr error;
  bool done = false;
  std::conditional_t<std::is_void_v<T>, bool, std::optional<T>> value{};
  auto finish = [&](std::exception_ptr e) {
    error = e;
    done = true;
    io.stop();
  };
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(io, std::move(task), finish);
  } else {
    asio::co_spawn(io, std::move(task), [&](std::exception_ptr e, T result) {
      if (!e) value.emplace(std::move(result));
      finish(e);
    });
  }
  io.restart();
  io.run_for(deadline);
  if (!done) throw std::runtime_error("the coroutine did not end before its deadline");
  if (error) std::rethrow_exception(error);
  if constexpr (!std::is_void_v<T>) return std::move(*value);
}

/// Waits on the loop until `condition` holds; false when `deadline` passes first. Looks every few milliseconds.
inline asio::awaitable<bool> eventually(std::function<bool()> condition,
                                        std::chrono::milliseconds deadline = kDeadline) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= until) co_return false;
    timer.expires_after(std::chrono::milliseconds(2));
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return true;
}

}  // namespace inkwell::test

// The ways in which Sentinels come to replace a master, one after the other, while coroutines on the caller's loop go
// on. | fault                                              | production cause |
//   SIGKILL of a master, which comes back as a replica | the master's machine dies
//   SIGSTOP of a master, which wakes up believing it is one | a frozen virtual machine
//   SENTINEL FAILOVER                                  | a planned change of masters
#pragma once

#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <thread>

#include "support/loop.hpp"
#include "support/replicated_set.hpp"
#include "support/wait_until.hpp"

namespace inkwell::test {

/// `action` on a thread of its own, so that it strikes whatever the loop is doing.
inline asio::awaitable<void> beside(std::function<void()> action) {
  std::atomic<bool> over{false};
  std::thread worker([&] {
    action();
    over = true;
  });
  const bool ended = co_await eventually([&] { return over.load(); }, 2 * kServersPatience);
  worker.join();
  EXPECT_TRUE(ended);
}

/// Three changes of master. `progress` is awaited before each and after the last.
inline asio::awaitable<void> replace_masters(ReplicatedSet& set, std::function<asio::awaitable<void>()> progress) {
  const std::function<void()> whole = [&] { set.make_whole(); };
  for (const bool dies : {true, false}) {
    co_await progress();
    const auto master = set.master();
    const std::function<void()> away = [&] {
      dies ? set.server(master).kill() : set.server(master).pause();
      set.wait_for_another_master(master);
    };
    co_await beside(away);
    dies ? set.server(master).start() : set.server(master).resume();  // by this thread: a child dies with its starter
    co_await beside(whole);
  }
  co_await progress();
  const std::function<void()> order = [&] { set.fail_over(); };
  co_await beside(order);
  co_await beside(whole);
  co_await progress();
}

}  // namespace inkwell::test

// What the link's integration tests share.
#pragma once

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <inkwell/redis.hpp>

#include "base/gate.hpp"
#include "support/loop.hpp"
#include "support/redis_server.hpp"

namespace inkwell::redis {

using namespace std::chrono_literals;
using test::eventually;
using test::run_on;

/// A real server on its own, and a loop.
class LinkTest : public testing::Test {
 protected:
  explicit LinkTest(std::vector<std::string> arguments = {}) : server_(std::move(arguments)) {}
  Options options() const {
    Options options;
    options.endpoint = server_.endpoint();
    return options;
  }
  test::RedisServer server_;
  asio::io_context io_{1};
};

/// As test::eventually, for conditions that must hold.
inline asio::awaitable<void> must(std::function<bool()> condition, const char* what) {
  const bool held = co_await eventually(std::move(condition));
  EXPECT_TRUE(held) << what;
}

}  // namespace inkwell::redis

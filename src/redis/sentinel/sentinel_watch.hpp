// SentinelWatch: knows where the master is, from Sentinels
// (https://redis.io/docs/latest/develop/reference/sentinel-clients/). It keeps one connection to one of them - the next
// one when that is lost - on which it asks for the master's address, at each find() and every so often, and is
// subscribed to +switch-master. Lives on one executor (one thread).
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <inkwell/redis/options.hpp>

#include "redis/link/directory.hpp"
#include "redis/link/session.hpp"

namespace inkwell::redis::sentinel {

class SentinelWatch final : public link::Directory {
 public:
  /// `options` are those of the link that asks: their endpoint names the Sentinels and the master.
  SentinelWatch(asio::any_io_executor executor, const Options& options);
  ~SentinelWatch() override { close(); }

  void find(std::function<void(const HostPort&)> found) override;
  Error why_not() const override;
  void on_move(std::function<void(const HostPort&)> moved) override;
  void close() override;

 private:
  class Conversation;
  std::shared_ptr<Conversation> conversation_;
};

}  // namespace inkwell::redis::sentinel

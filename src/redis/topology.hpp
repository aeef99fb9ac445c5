// What stands between a link and its server's address.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include <inkwell/redis/options.hpp>

#include "base/asio.hpp"
#include "redis/link/directory.hpp"

namespace inkwell::redis {

/// Who tells a link with these options where to connect; null where options.endpoint says it already.
std::unique_ptr<link::Directory> directory_for(const asio::any_io_executor& executor, const Options& options);

/// `options` without client-side caching, for what reads no keys.
inline Options untracked(Options options) {
  options.tracking = {};
  return options;
}

}  // namespace inkwell::redis

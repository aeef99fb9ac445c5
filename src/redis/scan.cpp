#include <inkwell/redis/client.hpp>
#include <inkwell/redis/decode.hpp>
#include <inkwell/redis/scan.hpp>

#include "base/asio.hpp"

namespace inkwell::redis {

asio::awaitable<Result<std::vector<std::string>>> Scan::next() {
  std::vector<std::string> keys;
  while (keys.empty() && !ended_) {
    std::vector<std::string> arguments{cursor_};
    if (!options_.match.empty()) arguments.insert(arguments.end(), {"MATCH", options_.match});
    if (!options_.type.empty()) arguments.insert(arguments.end(), {"TYPE", options_.type});
    arguments.insert(arguments.end(), {"COUNT", std::to_string(options_.count)});
    Request request("SCAN", arguments);
    CallOptions options;
    options.idempotent = true;
    const auto answer = co_await client_.execute(std::move(request), options);
    auto page = decode<std::pair<std::string, std::vector<std::string>>>(answer);
    if (!page) co_return std::unexpected(std::move(page.error()));
    cursor_ = std::move(page->first);
    keys = std::move(page->second);
    ended_ = cursor_ == "0";
  }
  co_return keys;
}

}  // namespace inkwell::redis

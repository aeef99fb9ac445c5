// The Client's calls with any Asio completion token (callbacks, futures, deferred, coroutines of other libraries), for
// programs that are not made of boost::asio::awaitable:
//
//   async_execute(client, Request("GET", "k"), {}, [](Result<Reply> answer) { ... });
//   std::future<Result<Reply>> later = async_execute(client, Request("GET", "k"), {}, asio::use_future);
//
// The client must live until the handler has been called (close() has that happen soon). Each must be initiated on the
// client's executor; the handler is called on its own associated executor, the client's by default, never before the
// initiating function has returned. The handler's cancellation slot (terminal) abandons the wait: the answer is then
// ErrorKind::cancelled, and the outcome is unknown.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <utility>
#include <vector>

#include <inkwell/redis/client.hpp>

namespace inkwell::redis {

namespace detail {

Error cancelled_call();

/// The value a cancelled call ends with; any other exception is a bug and goes on.
template <class T>
T ended_by(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    if (error.code() != boost::asio::error::operation_aborted) throw;
  }
  if constexpr (std::is_same_v<T, Result<Reply>>) {
    return std::unexpected(cancelled_call());
  } else {
    T all;
    all.push_back(std::unexpected(cancelled_call()));
    return all;
  }
}

template <class T, class Token>
auto initiate(Client& client, boost::asio::awaitable<T> call, Token&& token) {
  namespace asio = boost::asio;
  return asio::async_initiate<Token, void(T)>(
      [](auto handler, asio::any_io_executor executor, asio::awaitable<T> work) {
        const auto slot = asio::get_associated_cancellation_slot(handler);
        const auto home = asio::get_associated_executor(handler, executor);
        auto finish = [handler = std::move(handler)](std::exception_ptr thrown, T answer) mutable {
          if (thrown) answer = ended_by<T>(thrown);
          std::move(handler)(std::move(answer));
        };
        asio::co_spawn(executor, std::move(work),
                       asio::bind_cancellation_slot(slot, asio::bind_executor(home, std::move(finish))));
      },
      token, client.get_executor(), std::move(call));
}

}  // namespace detail

/// As Client::execute.
template <class Token>
auto async_execute(Client& client, Request request, CallOptions options, Token&& token) {
  return detail::initiate(client, client.execute(std::move(request), options), std::forward<Token>(token));
}

/// As Client::execute_all.
template <class Token>
auto async_execute_all(Client& client, Request request, CallOptions options, Token&& token) {
  return detail::initiate(client, client.execute_all(std::move(request), options), std::forward<Token>(token));
}

/// As Client::run; `script` must live until the call ends.
template <class Token>
auto async_run(Client& client, const Script& script, std::vector<std::string> keys, std::vector<std::string> arguments,
               CallOptions options, Token&& token) {
  return detail::initiate(client, client.run(script, std::move(keys), std::move(arguments), options),
                          std::forward<Token>(token));
}

}  // namespace inkwell::redis

#include "base/gate.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace inkwell {
namespace {

[[noreturn]] void die(std::string_view name, const char* what) {
  std::fprintf(stderr, "inkwell: coroutine '%.*s' ended with an unexpected exception: %s\n",
               static_cast<int>(name.size()), name.data(), what);
  std::abort();
}

// `a || b` of awaitable_operators wraps what its branches threw.
[[noreturn]] void rethrow_first(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const asio::multiple_exceptions& several) {
    std::rethrow_exception(several.first_exception());
  }
}

}  // namespace

Gate::Gate(asio::any_io_executor executor) : executor_(executor), emptied_(executor) {
  emptied_.expires_at(asio::steady_timer::time_point::max());
}

Gate::~Gate() {
  if (!tasks_.empty()) die(tasks_.front().name, "its gate was destroyed first");
}

void Gate::spawn(std::string_view name, asio::awaitable<void> task) {
  if (closing_) return;
  auto entry = tasks_.emplace(tasks_.end());
  entry->name = name;
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(entry->signal.slot(),
                                              [this, entry](std::exception_ptr error) { finished(entry, error); }));
}

void Gate::finished(std::list<Task>::iterator task, std::exception_ptr error) {
  if (error) {
    try {
      rethrow_first(error);
    } catch (const boost::system::system_error& e) {
      if (e.code() != asio::error::operation_aborted) die(task->name, e.what());
    } catch (const std::exception& e) {
      die(task->name, e.what());
    } catch (...) {
      die(task->name, "not a std::exception");
    }
  }
  tasks_.erase(task);
  if (tasks_.empty()) emptied_.cancel();
}

void Gate::cancel() {
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    auto current = it++;  // a task may end, and erase itself, inside emit
    current->signal.emit(asio::cancellation_type::terminal);
  }
}

asio::awaitable<void> Gate::close() {
  closing_ = true;
  cancel();
  co_await wait_until_empty();
}

asio::awaitable<void> Gate::wait_until_empty() {
  while (!tasks_.empty()) {
    co_await emptied_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace inkwell

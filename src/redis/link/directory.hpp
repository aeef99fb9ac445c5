// Directory: who knows where the server is now, when that can change (Sentinel). A session asks it before each attempt
// to connect, and hears from it when the server has moved. Lives on the session's executor.
#pragma once

#include <functional>

#include <inkwell/error.hpp>
#include <inkwell/redis/options.hpp>

namespace inkwell::redis::link {

class Directory {
 public:
  Directory() = default;
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  virtual ~Directory() = default;

  /// Asks anew where the server is; `found` is called once, perhaps within the call. A later find() or close() replaces
  /// it. The asker has a deadline of its own; why_not() says what to tell when that passes.
  virtual void find(std::function<void(const HostPort&)> found) = 0;
  virtual Error why_not() const = 0;
  /// `moved` is called whenever the server is somewhere else than before.
  virtual void on_move(std::function<void(const HostPort&)> moved) = 0;
  /// Nothing is called afterwards.
  virtual void close() = 0;
};

}  // namespace inkwell::redis::link

// Signals: SIGINT, SIGTERM and SIGHUP, taken off the process and handed to a function on a thread of their own, where
// anything may be done. Made before any other thread, which then inherit the blocked mask; SIGPIPE is ignored from
// then on.
#pragma once

#include <functional>
#include <thread>

namespace inkwell::cli {

class Signals {
 public:
  /// `on_signal` gets the signal's number, on the thread of this object; must not throw.
  explicit Signals(std::function<void(int)> on_signal);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  /// Signals that come later wait for the process's end, still blocked.
  ~Signals();

 private:
  void listen() const;

  std::function<void(int)> on_signal_;
  int signals_ = -1;  ///< a signalfd
  int wake_ = -1;     ///< an eventfd: readable when the thread shall end
  std::thread thread_;
};

}  // namespace inkwell::cli

// DataDirectory: the folder the embedded Redis lives in, and the two locks that keep everybody else out of it.
//
//   DIR/lock              held by the process that serves; holds its pid
//   DIR/redis/            mode 0700: append-only file, log, socket
//   DIR/redis/lock        held by the redis-server, which inherits it, for as long as it lives; holds its pid
//
// Two, because the redis-server of a killed process lives a little longer, writing out its last data: the first lock is
// then free and the second is not, and the newcomer waits for it. Both are flock(2) locks, so the kernel lets go of
// them however a process ends; the files stay. One thread at a time.
#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <sys/types.h>

#include <inkwell/error.hpp>

#include "embedded/descriptor.hpp"

namespace inkwell::embedded {

class DataDirectory {
 public:
  /// Creates what is missing and takes both locks. Refused at once when another process serves from it; waits up to
  /// `patience` for the redis-server of one that is gone. Failures: data_directory_in_use, data_directory_unusable,
  /// cancelled.
  static Result<DataDirectory> open(const std::filesystem::path& path, std::chrono::milliseconds patience,
                                    std::stop_token stop);

  const std::filesystem::path& path() const noexcept { return path_; }  ///< absolute
  std::filesystem::path redis() const { return path_ / "redis"; }
  /// What a redis-server must inherit to hold the second lock.
  int redis_lock() const noexcept { return redis_lock_.get(); }
  /// Notes whose lock it is, for the message to a newcomer.
  void note_redis_pid(pid_t pid) const;

 private:
  std::filesystem::path path_;
  Descriptor lock_;
  Descriptor redis_lock_;
};

}  // namespace inkwell::embedded

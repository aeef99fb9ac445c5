// The exit codes of the program, as its --help documents them.
#pragma once

namespace inkwell::cli {

enum ExitCode : int {
  kOk = 0,
  kFailure = 1,  ///< it ran, or tried to, and failed: a port taken, a data directory in use, a Redis that won't start
  kUsage = 2,    ///< the command line or the configuration is wrong; nothing was started
};

}  // namespace inkwell::cli

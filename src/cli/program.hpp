// The program without main(): arguments and environment in, an exit code out.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace inkwell::cli {

/// Does what the command line says and returns the exit code (exit_code.hpp). `arguments` without the program's name;
/// `environment` as NAME=value. Answers go to `out`, refusals to `err`; the log of `serve` has its own way to stderr.
int run(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, std::ostream& out,
        std::ostream& err);

}  // namespace inkwell::cli

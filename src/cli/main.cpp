// The program: hands its arguments and environment to cli::run and exits with what that returns.
#include <iostream>
#include <string>
#include <unistd.h>
#include <vector>

#include "cli/program.hpp"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.emplace_back(*variable);
  return inkwell::cli::run(arguments, environment, std::cout, std::cerr);
}

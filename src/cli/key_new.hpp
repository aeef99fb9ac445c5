// `inkwell key new`: makes an API key and prints it, this once, with the entry for the file of keys.
#pragma once

#include <iosfwd>
#include <string>

namespace inkwell::cli {

/// Returns an exit code.
int key_new(const std::string& tenant, std::ostream& out, std::ostream& err);

}  // namespace inkwell::cli

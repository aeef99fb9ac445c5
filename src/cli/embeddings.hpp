// `inkwell embeddings stats` and `inkwell embeddings purge`: what is kept of each model, and its removal.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "config/load.hpp"

namespace inkwell::cli {

/// Prints vectors and bytes by tenant, model and length. Returns the exit code.
int embeddings_stats(const config::Loaded& loaded, const std::vector<std::string>& environment, bool json,
                     std::ostream& out, std::ostream& err);

/// Removes the embeddings of `model`, which is not empty, of the configured tenant. Returns the exit code.
int embeddings_purge(const config::Loaded& loaded, const std::vector<std::string>& environment,
                     const std::string& model, bool json, std::ostream& out, std::ostream& err);

}  // namespace inkwell::cli

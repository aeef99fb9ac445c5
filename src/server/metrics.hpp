// The server's metrics: what is counted where, and under which name Prometheus sees it. docs/metrics.md is its manual.
#pragma once

#include <string>

#include "telemetry/exposition.hpp"

namespace inkwell::server {

struct Shared;

/// Sums the counters of all workers into Prometheus text. On any worker's thread, while the workers run.
std::string metrics_text(const Shared& shared);

}  // namespace inkwell::server

// Spare wires: buffers of requests that have been answered, kept a thread for its next requests, so that a command
// costs no allocation once a thread has warmed up. Bounded. Each thread has its own; a buffer may be taken on one and
// given back on another.
#pragma once

#include <string>

namespace inkwell::redis {

/// An empty string, with room when there is a spare one.
std::string take_spare_wire() noexcept;
/// `wire` is not needed any more.
void give_spare_wire(std::string&& wire) noexcept;

}  // namespace inkwell::redis

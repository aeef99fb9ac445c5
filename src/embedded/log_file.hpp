// The log a child writes, read by its owner. Safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace inkwell::embedded {

/// Moves the file to "NAME.1", over an older one, when it has grown beyond `max_bytes`; a file that doesn't exist is
/// fine.
void rotate_log(const std::filesystem::path& file, std::uintmax_t max_bytes);

/// The last lines of it, at most `lines`, of what stands after `offset`; empty when there is nothing.
std::string last_lines(const std::filesystem::path& file, std::uintmax_t offset, std::size_t lines);

}  // namespace inkwell::embedded

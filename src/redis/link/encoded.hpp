// Reading back what Request has encoded: an array of bulk strings a command. Only for bytes that Request made.
#pragma once

#include <cstddef>
#include <string_view>

#include <inkwell/redis/request.hpp>

namespace inkwell::redis::link {

/// Length of the first command of `wire`, which is not empty.
std::size_t length_of_command(std::string_view wire) noexcept;
/// The first command's name, as it was given.
std::string_view name_of_command(std::string_view wire) noexcept;
/// Whether one of these commands is WAIT or WAITAOF, which are about what their connection wrote before.
bool has_wait(std::string_view wire) noexcept;
/// The same commands, each behind a CLIENT CACHING YES.
Request opted_in(const Request& request);

}  // namespace inkwell::redis::link

// An error about a setting's value that was found only when a part was made from it.
#pragma once

#include <fmt/format.h>
#include <string>
#include <utility>

#include <inkwell/error.hpp>

#include "config/load.hpp"

namespace inkwell::cli {

/// The same error, with the setting it is about and where that came from.
inline std::unexpected<Error> setting_error(const config::Loaded& loaded, const std::string& setting,
                                            const Error& wrong) {
  return fail(ErrorKind::invalid_argument, "bad_value",
              fmt::format("{}: {}: {}", loaded.origin_of(setting).place, setting, wrong.message()), wrong.remedy());
}

inline std::unexpected<Error> setting_error(const config::Loaded& loaded, const std::string& setting,
                                            std::string message, std::string remedy) {
  return setting_error(loaded, setting,
                       Error(ErrorKind::invalid_argument, "bad_value", std::move(message), std::move(remedy)));
}

}  // namespace inkwell::cli

#include <inkwell/error.hpp>

namespace inkwell {

std::string_view name_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::invalid_argument:
      return "invalid_argument";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::precondition_failed:
      return "precondition_failed";
    case ErrorKind::unauthenticated:
      return "unauthenticated";
    case ErrorKind::permission_denied:
      return "permission_denied";
    case ErrorKind::too_large:
      return "too_large";
    case ErrorKind::quota_exceeded:
      return "quota_exceeded";
    case ErrorKind::overloaded:
      return "overloaded";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::deadline_exceeded:
      return "deadline_exceeded";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::upstream:
      return "upstream";
    case ErrorKind::data_corrupt:
      return "data_corrupt";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

std::string Error::to_string() const {
  if (remedy_.empty()) return message_;
  return message_ + " " + remedy_;
}

}  // namespace inkwell

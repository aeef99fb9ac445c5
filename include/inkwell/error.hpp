// The one error type of Inkwell and the Result that carries it. Expected failures are values of this type; exceptions
// are for bugs and construction only. Thread-safe to copy and read; owns its strings.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace inkwell {

/// What kind of failure this is: what a caller branches on, and what the server maps to an HTTP status (one table).
enum class ErrorKind : std::uint8_t {
  invalid_argument,     ///< The caller's input is wrong; retrying it unchanged cannot help.
  not_found,            ///< The thing named does not exist (or is not the caller's to see).
  conflict,             ///< It exists already, or the same idempotency key came with another body.
  precondition_failed,  ///< A version or condition the caller named does not hold.
  unauthenticated,      ///< No valid credentials.
  permission_denied,    ///< Valid credentials that don't allow this.
  too_large,            ///< An input is over a size or count limit.
  quota_exceeded,       ///< The caller has used up what it may; nothing was applied.
  overloaded,           ///< A bound was reached (queue, pool, rate, connections); nothing was applied; retry later.
  unavailable,          ///< A server we need is away; nothing was applied; retry later.
  deadline_exceeded,    ///< The time allowed ran out. Look at outcome_unknown().
  cancelled,            ///< The caller cancelled. Look at outcome_unknown().
  upstream,             ///< A server behind us answered with an error or with nonsense.
  data_corrupt,         ///< Stored or received bytes are not what they must be.
  internal,             ///< A bug here.
};

/// A stable lower-case name of the kind, e.g. "not_found". Static storage.
std::string_view name_of(ErrorKind kind) noexcept;

/// A failure: what kind, a stable machine-readable code, a sentence for people, and what to do about it.
class Error {
 public:
  /// `code` is stable and snake_case ("redis_unavailable", "conversation_not_found"); `message` is one sentence that
  /// names what was wrong; `remedy` is one sentence that says what to do, or empty where nothing sensible can be said.
  Error(ErrorKind kind, std::string code, std::string message, std::string remedy = {})
      : kind_(kind), code_(std::move(code)), message_(std::move(message)), remedy_(std::move(remedy)) {}

  ErrorKind kind() const noexcept { return kind_; }
  const std::string& code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  const std::string& remedy() const noexcept { return remedy_; }

  /// True when the operation may or may not have been applied: it was sent and no answer came. Such a write must not be
  /// retried unless it is idempotent or carries an idempotency key.
  bool outcome_unknown() const noexcept { return outcome_unknown_; }
  /// The input field at fault ("items[3].role"), where there is one.
  const std::optional<std::string>& param() const noexcept { return param_; }
  /// How long to wait before a retry, where that is known.
  std::optional<std::chrono::milliseconds> retry_after() const noexcept { return retry_after_; }

  Error&& with_param(std::string param) && {
    param_ = std::move(param);
    return std::move(*this);
  }
  Error&& with_retry_after(std::chrono::milliseconds wait) && {
    retry_after_ = wait;
    return std::move(*this);
  }
  Error&& with_unknown_outcome() && {
    outcome_unknown_ = true;
    return std::move(*this);
  }

  /// "message remedy", for logs and terminals.
  std::string to_string() const;

 private:
  ErrorKind kind_;
  bool outcome_unknown_ = false;
  std::string code_;
  std::string message_;
  std::string remedy_;
  std::optional<std::string> param_;
  std::optional<std::chrono::milliseconds> retry_after_;
};

/// A value or the Error that stood in its way. Tested with plain `if` (GCC 12's std::expected has no monadic members).
template <class T>
using Result = std::expected<T, Error>;

/// Short for std::unexpected<Error>(Error(...)).
template <class... Args>
std::unexpected<Error> fail(Args&&... args) {
  return std::unexpected<Error>(Error(std::forward<Args>(args)...));
}

}  // namespace inkwell

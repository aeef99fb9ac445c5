// BorrowedState: what a borrower has changed about a connection (an open transaction, watched keys, another database,
// a subscription), read off the commands it sent. A connection goes back to its pool only in the state it left it in.
// Pure; one connection each.
#pragma once

#include <string_view>

namespace inkwell::redis::link {

class BorrowedState {
 public:
  /// Takes in all commands of an encoded request (Request::wire()).
  void sent(std::string_view wire);
  /// The connection is as it came.
  bool clean() const noexcept { return !in_transaction_ && !watches_ && !altered_; }

 private:
  void command(std::string_view name);

  bool in_transaction_ = false;
  bool watches_ = false;
  bool altered_ = false;  ///< in a way that no command we know of takes back
};

}  // namespace inkwell::redis::link

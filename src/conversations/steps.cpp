#include "conversations/steps.hpp"

namespace inkwell::conversations {

const Steps& steps() {
  static const Steps all;
  return all;
}

}  // namespace inkwell::conversations

// Call: one execute() waiting for its answers. It lives in the frame of the coroutine that waits, linked into the
// pipeline's lists and destroyed only when it is answered, or when its frame is thrown away (it then takes itself out).
// The place of its replies in the order of the connection is the pipeline's and stays. One thread.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <inkwell/error.hpp>
#include <inkwell/redis/reply.hpp>

#include "redis/link/continuation.hpp"

namespace inkwell::redis::link {

using Clock = std::chrono::steady_clock;
using Hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

class Pipeline;

struct Call {
  enum class State : std::uint8_t {
    idle,       ///< not submitted, or already handed back
    queued,     ///< no byte of it has left
    in_flight,  ///< taken into a write; its replies have a place in the order
    ready,      ///< all answers are here; the continuation is about to run
  };

  Call(std::string request, std::uint32_t request_commands, bool is_idempotent)
      : wire(std::move(request)), commands(request_commands), idempotent(is_idempotent) {
    if (commands != 1) answers.reserve(commands);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call();

  void answer(Result<Reply> reply) {
    if (commands == 1) {
      single = std::move(reply);
    } else {
      answers.push_back(std::move(reply));
    }
    ++answered;
  }

  std::vector<Result<Reply>> take_answers() {
    if (commands == 1) answers.push_back(std::move(single));
    return std::move(answers);
  }

  std::string wire;  ///< the request; kept until the call ends because it may have to be sent again
  std::uint32_t commands;
  std::uint32_t answered = 0;
  std::uint32_t refused = 0;  ///< answers that said LOADING
  bool idempotent;
  bool was_refused = false;
  bool maybe_applied = false;  ///< sent before, and that answer was lost
  State state = State::idle;
  std::size_t offset = 0;   ///< into wire: where the first command without an answer starts
  std::uint64_t place = 0;  ///< in flight: in the order of the connection
  Clock::time_point deadline;
  Pipeline* pipeline = nullptr;  ///< while not idle
  Hook queue_hook;
  Hook deadline_hook;
  Continuation continuation;

  Result<Reply> single;                ///< the answer of a request of one command
  std::vector<Result<Reply>> answers;  ///< the answers of any other
};

}  // namespace inkwell::redis::link

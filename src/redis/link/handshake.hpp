// Handshake: what a fresh connection says first, and what the answers mean. Decides, does no I/O. One connection each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <inkwell/error.hpp>
#include <inkwell/redis/options.hpp>
#include <inkwell/redis/reply.hpp>

namespace inkwell::redis::link {

class Handshake {
 public:
  /// With `server`, which is options.endpoint or whom a directory named.
  Handshake(const Options& options, const Endpoint& server, bool of_a_replica = false);

  /// All commands, to be sent in one piece: HELLO 3 with AUTH, CLIENT SETNAME, CLIENT SETINFO, CLIENT TRACKING, SELECT,
  /// PING; ROLE where a master was asked for.
  const std::string& wire() const noexcept { return wire_; }

  enum class Step : std::uint8_t { more, done, refused };
  /// Takes the next answer (not a push).
  Step on_reply(View answer);
  /// After refused: why. A server that is still loading refuses for now; anything else takes a person to put right.
  const Error& refusal() const noexcept { return *refusal_; }
  bool refused_for_good() const noexcept { return for_good_; }

 private:
  Step refuse(std::string_view line);
  Step judge_role(View answer);

  std::string server_;
  std::string wire_;
  bool wants_master_ = false;
  unsigned names_end_ = 0;  ///< behind HELLO and the names
  unsigned ping_ = 0;       ///< which of the commands it is
  unsigned asked_ = 0;
  unsigned answered_ = 0;
  std::optional<Error> refusal_;
  bool for_good_ = false;
};

}  // namespace inkwell::redis::link

#include "redis/link/handshake.hpp"

#include <inkwell/redis/request.hpp>

#include "redis/link/server_error.hpp"

namespace inkwell::redis::link {
namespace {

void add_tracking(Request& request, const Tracking& tracking) {
  std::vector<std::string_view> arguments{"TRACKING", "ON"};
  if (tracking.mode == Tracking::Mode::opted) arguments.emplace_back("OPTIN");
  if (tracking.mode == Tracking::Mode::prefixes) {
    arguments.emplace_back("BCAST");
    for (const auto& prefix : tracking.prefixes) arguments.insert(arguments.end(), {"PREFIX", prefix});
  }
  if (tracking.skip_own_writes) arguments.emplace_back("NOLOOP");
  request.add("CLIENT", arguments);
}

bool speaks_no_resp3(std::string_view line) {
  return line.starts_with("NOPROTO") || line.starts_with("ERR unknown command");
}

}  // namespace

Handshake::Handshake(const Options& options, const Endpoint& server, bool of_a_replica)
    : server_(server.to_string()), wants_master_(options.endpoint.topology == Topology::sentinel) {
  const Endpoint& endpoint = options.endpoint;
  Request request;
  if (endpoint.password.empty() && endpoint.username.empty()) {
    request.add("HELLO", 3);
  } else {
    const std::string_view user = endpoint.username.empty() ? "default" : std::string_view(endpoint.username);
    request.add("HELLO", 3, "AUTH", user, endpoint.password);
  }
  request.add("CLIENT", "SETNAME", options.client_name);
  request.add("CLIENT", "SETINFO", "LIB-NAME", "inkwell");  // Redis >= 7.2
  names_end_ = static_cast<unsigned>(request.size());
  if (options.tracking.mode != Tracking::Mode::off) add_tracking(request, options.tracking);
  if (endpoint.database != 0) request.add("SELECT", endpoint.database);
  if (of_a_replica) request.add("READONLY");
  ping_ = static_cast<unsigned>(request.size());
  request.add("PING");  // a server that loads its data answers HELLO but not this
  if (wants_master_) request.add("ROLE");
  asked_ = static_cast<unsigned>(request.size());
  wire_ = std::move(request).wire();
}

Handshake::Step Handshake::on_reply(View answer) {
  const unsigned which = answered_++;
  const bool last = answered_ == asked_;
  const bool matters = which == 0 || which >= names_end_;  // names are for people's eyes only
  // A server that cannot persist refuses PING among the writes; reads it serves.
  const bool serves_reads = which == ping_ && answer.is_error() && answer.text().starts_with("MISCONF");
  if (answer.is_error() && matters && !serves_reads) return refuse(answer.text());
  if (!last) return Step::more;
  return wants_master_ ? judge_role(answer) : Step::done;
}

// Sentinels may name a server that has just been demoted, or not yet been promoted.
Handshake::Step Handshake::judge_role(View answer) {
  if (answer.size() > 0 && answer[0].text() == "master") return Step::done;
  refusal_ = Error(ErrorKind::unavailable, "redis_not_master",
                   "Redis at " + server_ + " is said to be the master, but is a replica now.",
                   "A failover is under way; retry in a moment.");
  return Step::refused;
}

Handshake::Step Handshake::refuse(std::string_view line) {
  if (speaks_no_resp3(line)) {
    refusal_ = Error(ErrorKind::unavailable, "redis_too_old",
                     "The server at " + server_ + " does not speak RESP3: " + std::string(line),
                     "Use Redis 7.0, Valkey 7.2 or newer.");
    for_good_ = true;
    return Step::refused;
  }
  const Error error = server_error(line);
  refusal_ = Error(error.kind(), error.code(),
                   "Redis at " + server_ + " refused the connection: " + std::string(line) + ".", error.remedy());
  for_good_ = error.kind() != ErrorKind::unavailable;
  return Step::refused;
}

}  // namespace inkwell::redis::link

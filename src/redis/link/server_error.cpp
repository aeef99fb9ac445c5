#include "redis/link/server_error.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace inkwell::redis::link {
namespace {

struct Row {
  std::string_view word;
  ErrorKind kind;
  std::string_view remedy;
  std::chrono::milliseconds retry_after{0};
  Reaction reaction = Reaction::report;
};

using std::chrono::milliseconds;

// "unavailable" is for what passes without the caller changing anything; nothing was applied in any of these rows.
constexpr std::array<Row, 25> kRows{{
    {"LOADING", ErrorKind::unavailable, "Redis is loading its data; retry in a moment.", milliseconds(1000),
     Reaction::wait},
    {"TRYAGAIN", ErrorKind::unavailable, "A slot is being moved; retry in a moment.", milliseconds(200)},
    {"CLUSTERDOWN", ErrorKind::unavailable, "The cluster does not serve this slot now; look at CLUSTER INFO.",
     milliseconds(1000)},
    {"MASTERDOWN", ErrorKind::unavailable, "The replica has lost its master; retry, or use the master.",
     milliseconds(1000)},
    {"READONLY", ErrorKind::unavailable, "This server is a replica; point the link at the master.", milliseconds(1000),
     Reaction::move},
    {"BUSY", ErrorKind::unavailable, "A script holds the server; see SCRIPT KILL.", milliseconds(1000)},
    {"UNKILLABLE", ErrorKind::unavailable, "A script that has written holds the server; wait for it.",
     milliseconds(1000)},
    {"UNBLOCKED", ErrorKind::unavailable, "The server stopped being the master; retry.", milliseconds(200)},
    {"OOM", ErrorKind::unavailable, "Redis is at its maxmemory; raise it or remove data.", milliseconds(5000)},
    {"MISCONF", ErrorKind::unavailable, "Redis cannot persist and refuses writes; look at its log and disk.",
     milliseconds(5000)},
    {"NOREPLICAS", ErrorKind::unavailable, "Too few replicas are in sync (min-replicas-to-write).", milliseconds(1000)},
    {"MOVED", ErrorKind::unavailable, "This is a node of a cluster; use a redis-cluster:// URL."},
    {"ASK", ErrorKind::unavailable, "This is a node of a cluster; use a redis-cluster:// URL."},
    {"NOAUTH", ErrorKind::unauthenticated, "Give the Redis URL a user and a password."},
    {"WRONGPASS", ErrorKind::unauthenticated, "Check user and password in the Redis URL."},
    {"NOPERM", ErrorKind::permission_denied, "Grant the Redis user these commands and keys (ACL SETUSER)."},
    {"NOPROTO", ErrorKind::invalid_argument, "Use Redis 7.0, Valkey 7.2 or newer."},
    {"NOSCRIPT", ErrorKind::not_found, "Load the script (Client::run does)."},
    {"NOGROUP", ErrorKind::not_found, "Create the stream's consumer group first."},
    {"BUSYGROUP", ErrorKind::conflict, "The consumer group exists already."},
    {"BUSYKEY", ErrorKind::conflict, "The target key exists already."},
    {"WRONGTYPE", ErrorKind::conflict, "Another program uses this key; give each a prefix or a Redis of its own."},
    {"CROSSSLOT", ErrorKind::internal, "All keys of one command must share a hash tag."},
    {"EXECABORT", ErrorKind::invalid_argument, "A command of the transaction was refused; none of it was applied."},
    {"NOTBUSY", ErrorKind::invalid_argument, "No script is running."},
}};

std::string_view first_word(std::string_view line) { return line.substr(0, line.find(' ')); }

}  // namespace

Error server_error(std::string_view line) {
  const auto word = first_word(line);
  std::string code = "redis_";
  for (const char c : word) code.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  std::string message = "Redis answered: " + std::string(line);
  const auto* row = std::ranges::find(kRows, word, &Row::word);
  if (row == kRows.end()) return {ErrorKind::invalid_argument, std::move(code), std::move(message)};
  Error error(row->kind, std::move(code), std::move(message), std::string(row->remedy));
  if (row->retry_after.count() > 0) return std::move(error).with_retry_after(row->retry_after);
  return error;
}

Reaction reaction_to(std::string_view line) noexcept {
  const auto* row = std::ranges::find(kRows, first_word(line), &Row::word);
  return row == kRows.end() ? Reaction::report : row->reaction;
}

}  // namespace inkwell::redis::link

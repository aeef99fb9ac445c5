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
  bool temporary = false;
};

constexpr std::array<Row, 21> kRows{{
    {"LOADING", ErrorKind::unavailable, "Redis is loading its data; retry in a moment.", true},
    {"TRYAGAIN", ErrorKind::unavailable, "A slot is being moved; retry in a moment.", true},
    {"CLUSTERDOWN", ErrorKind::unavailable, "The cluster does not serve this slot now; check CLUSTER INFO.", true},
    {"MASTERDOWN", ErrorKind::unavailable, "The replica has lost its master; retry or use the master.", true},
    {"READONLY", ErrorKind::unavailable, "This server is a replica; point the link at the master."},
    {"BUSY", ErrorKind::unavailable, "A script is holding the server; see SCRIPT KILL."},
    {"UNKILLABLE", ErrorKind::unavailable, "A writing script is holding the server; wait for it."},
    {"OOM", ErrorKind::unavailable, "Redis is at its maxmemory; raise it or remove data."},
    {"MISCONF", ErrorKind::unavailable, "Redis cannot persist and refuses writes; look at its log and disk."},
    {"NOREPLICAS", ErrorKind::unavailable, "Too few replicas are in sync (min-replicas-to-write)."},
    {"NOAUTH", ErrorKind::unauthenticated, "Give the Redis URL a user and password."},
    {"WRONGPASS", ErrorKind::unauthenticated, "Check user and password in the Redis URL."},
    {"NOPERM", ErrorKind::permission_denied, "Grant the Redis user this command and these keys (ACL SETUSER)."},
    {"NOPROTO", ErrorKind::invalid_argument, "Use Redis 7.0, Valkey 7.2 or newer."},
    {"NOSCRIPT", ErrorKind::not_found, ""},
    {"WRONGTYPE", ErrorKind::conflict, "Another program uses this key; give Inkwell a prefix or a Redis of its own."},
    {"MOVED", ErrorKind::unavailable, "This is a node of a cluster; use a redis-cluster:// URL."},
    {"ASK", ErrorKind::unavailable, "This is a node of a cluster; use a redis-cluster:// URL."},
    {"CROSSSLOT", ErrorKind::internal, ""},
    {"EXECABORT", ErrorKind::invalid_argument, "A command of the transaction was refused; nothing of it was applied."},
    {"NOTBUSY", ErrorKind::invalid_argument, ""},
}};

std::string_view first_word(std::string_view line) { return line.substr(0, line.find(' ')); }

const Row* row_of(std::string_view word) {
  const auto* row = std::ranges::find(kRows, word, &Row::word);
  return row == kRows.end() ? nullptr : row;
}

}  // namespace

Error server_error(std::string_view line) {
  const auto word = first_word(line);
  std::string code = "redis_";
  for (const char c : word) code.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  const Row* row = row_of(word);
  const auto kind = row != nullptr ? row->kind : ErrorKind::invalid_argument;
  return {kind, std::move(code), "Redis answered: " + std::string(line),
          std::string(row != nullptr ? row->remedy : "")};
}

bool is_temporary(std::string_view line) noexcept {
  const Row* row = row_of(first_word(line));
  return row != nullptr && row->temporary;
}

}  // namespace inkwell::redis::link

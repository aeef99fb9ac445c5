#include "support/replicated_set.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/process_signal.hpp"
#include "support/wait_until.hpp"

namespace inkwell::test {
namespace {

/// The number after `field` in the answer to INFO replication; -1 where there is none.
long long replication_field(const RedisServer& server, const std::string& field) {
  const auto text = server.cli({"INFO", "replication"});
  const auto at = text.find("\n" + field + ":");
  return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + field.size() + 2);
}

/// Whether it follows the master at `port` and has all up to `offset`. Orders it to where it follows another: Sentinels
/// take ten seconds to put to rights a master that came back, and the tests have no such time.
bool follows(const RedisServer& server, std::uint16_t port, long long offset) {
  if (replication_field(server, "master_port") != port) {
    server.cli({"REPLICAOF", "127.0.0.1", std::to_string(port)});
    return false;
  }
  return server.cli({"INFO", "replication"}).find("master_link_status:up") != std::string::npos &&
         replication_field(server, "slave_repl_offset") >= offset;
}

std::vector<std::string> replica_of(std::uint16_t port) {
  return {"--replicaof", fmt::format("127.0.0.1 {}", port), "--repl-diskless-sync-delay", "0"};
}

}  // namespace

SentinelServer::SentinelServer(std::uint16_t master_port, unsigned quorum) : port_(free_port()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "inkwell-sentinel-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
  directory_ = pattern;
  const auto file = directory_ / "sentinel.conf";
  std::ofstream(file) << fmt::format(
      "port {}\nbind 127.0.0.1\ndir {}\nlogfile {}/sentinel.log\nsentinel monitor mymaster 127.0.0.1 {} {}\n"
      "sentinel down-after-milliseconds mymaster 800\nsentinel failover-timeout mymaster 2000\n",
      port_, directory_.string(), directory_.string(), master_port, quorum);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::execlp("redis-server", "redis-server", file.c_str(), "--sentinel", nullptr);
    ::_exit(127);
  }
  wait_until("a Sentinel answers", [&] { return cli({"PING"}) == "PONG"; });
}

SentinelServer::~SentinelServer() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void SentinelServer::kill() {
  if (pid_ <= 0) return;
  send_signal(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string SentinelServer::cli(const std::vector<std::string>& command) const { return redis_cli(port_, command); }

ReplicatedSet::ReplicatedSet(unsigned replicas, unsigned sentinels) {
  servers_.push_back(std::make_unique<RedisServer>(std::vector<std::string>{"--repl-diskless-sync-delay", "0"}));
  const auto master_port = servers_[0]->port();
  for (unsigned i = 0; i < replicas; ++i) servers_.push_back(std::make_unique<RedisServer>(replica_of(master_port)));
  for (unsigned i = 0; i < sentinels; ++i)
    sentinels_.push_back(std::make_unique<SentinelServer>(master_port, sentinels / 2 + 1));
  for (unsigned i = 1; i <= replicas; ++i) {
    wait_until("a replica is in sync", [&] {
      return servers_[i]->cli({"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
    });
  }
  for (const auto& sentinel : sentinels_) {
    wait_until("a Sentinel knows all", [&] {
      const auto text = sentinel->cli({"INFO", "sentinel"});
      return text.find(fmt::format("slaves={},sentinels={}", replicas, sentinels)) != std::string::npos &&
             text.find("status=ok") != std::string::npos;
    });
  }
}

redis::Endpoint ReplicatedSet::endpoint() const {
  redis::Endpoint endpoint;
  endpoint.topology = redis::Topology::sentinel;
  endpoint.master_name = "mymaster";
  for (const auto& sentinel : sentinels_) endpoint.seeds.push_back({"127.0.0.1", sentinel->port()});
  return endpoint;
}

std::string ReplicatedSet::url() const { return endpoint().to_string(); }

std::size_t ReplicatedSet::master() const {
  for (const auto& sentinel : sentinels_) {
    const auto text = sentinel->cli({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"});
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (text.ends_with(std::to_string(servers_[i]->port()))) return i;
    }
  }
  throw std::runtime_error("no Sentinel names a master");
}

void ReplicatedSet::fail_over() {
  const auto before = master();
  // A Sentinel knows of no good replica in the first moments, and may take the order and give it up.
  order_until(
      "there is another master after an order", std::chrono::seconds(5),
      [&] { sentinels_.front()->cli({"SENTINEL", "FAILOVER", "mymaster"}); }, [&] { return master() != before; });
}

std::optional<std::size_t> ReplicatedSet::agreed_master() const {
  const auto named = master();
  const auto healthy = fmt::format("status=ok,address=127.0.0.1:{}", servers_[named]->port());
  const bool agreed = std::ranges::all_of(sentinels_, [&](const auto& sentinel) {
    return sentinel->cli({"INFO", "sentinel"}).find(healthy) != std::string::npos;
  });
  if (!agreed || !servers_[named]->cli({"ROLE"}).starts_with("master")) return std::nullopt;
  return named;
}

// On a busy machine a failover of the Sentinels' own may begin at any moment, so nothing learnt is kept: each look
// starts at who is the master now. Only once all Sentinels name it is anybody told to follow it; told to early, the
// server that they are about to promote would be made a replica of the one they give up.
void ReplicatedSet::make_whole() {
  std::optional<std::pair<std::size_t, long long>> goal;  // whom to follow, how far
  wait_until("the Sentinels agree and every server follows the master", [&] {
    const auto chief = agreed_master();
    if (!chief) return false;
    if (!goal || goal->first != *chief) goal = {*chief, replication_field(*servers_[*chief], "master_repl_offset")};
    return std::ranges::all_of(servers_, [&](const auto& server) {
      return server == servers_[*chief] || follows(*server, servers_[*chief]->port(), goal->second);
    });
  });
}

void ReplicatedSet::wait_for_another_master(std::size_t before) const {
  wait_until("there is another master", [&] { return master() != before; });
}

}  // namespace inkwell::test

#include "support/replicated_set.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "support/process_signal.hpp"

namespace inkwell::test {
namespace {

void wait_until(const char* what, const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) throw std::runtime_error(fmt::format("not within 20 s: {}", what));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

/// The number after `field` in the answer to INFO replication; -1 where there is none.
long long replication_field(const RedisServer& server, const std::string& field) {
  const auto text = server.cli({"INFO", "replication"});
  const auto at = text.find("\n" + field + ":");
  return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + field.size() + 2);
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
      "sentinel down-after-milliseconds mymaster 400\nsentinel failover-timeout mymaster 2000\n",
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
  std::string answer;
  wait_until("a Sentinel takes the order to fail over", [&] {  // it knows of no good replica in the first moments
    answer = sentinels_.front()->cli({"SENTINEL", "FAILOVER", "mymaster"});
    return answer == "OK";
  });
  wait_for_another_master(before);
}

void ReplicatedSet::make_whole() {
  std::size_t chief = 0;
  wait_until("the master says that it is one", [&] {
    chief = master();
    return servers_[chief]->cli({"ROLE"}).starts_with("master");
  });
  const auto offset = replication_field(*servers_[chief], "master_repl_offset");
  const auto port = servers_[chief]->port();
  for (const auto& server : servers_) {
    if (server->port() == port) continue;
    // Sentinels take ten seconds to put to rights a master that came back; the tests have no such time.
    if (replication_field(*server, "master_port") != port)
      server->cli({"REPLICAOF", "127.0.0.1", std::to_string(port)});
    wait_until("a server follows the master", [&] {
      return replication_field(*server, "master_port") == port &&
             server->cli({"INFO", "replication"}).find("master_link_status:up") != std::string::npos &&
             replication_field(*server, "slave_repl_offset") >= offset;
    });
  }
  wait_until("the Sentinels agree", [&] {
    return std::ranges::all_of(sentinels_, [&](const auto& sentinel) {
      return sentinel->cli({"INFO", "sentinel"}).find(fmt::format("status=ok,address=127.0.0.1:{}", port)) !=
             std::string::npos;
    });
  });
}

void ReplicatedSet::wait_for_another_master(std::size_t before) const {
  wait_until("there is another master", [&] { return master() != before; });
}

}  // namespace inkwell::test

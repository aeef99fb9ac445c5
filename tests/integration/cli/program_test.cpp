// The real binary: what it prints, what it refuses, how it starts and how it ends.
#include <arpa/inet.h>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "config/access_file.hpp"
#include "program_run.hpp"
#include "server/auth.hpp"
#include "support/loop.hpp"
#include "support/process_signal.hpp"

namespace inkwell::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

bool eventually_true(std::function<bool()> condition) {
  asio::io_context io;
  return run_on(io, eventually(std::move(condition)), kDeadline * 2);
}

// A connection to 127.0.0.1 that gives up reading after a while.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(fd_); }

  void write(std::string_view text) const { (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  std::string read_all() const {
    std::string text;
    std::array<char, 4096> block;
    for (ssize_t size = 0; (size = ::recv(fd_, block.data(), block.size(), 0)) > 0;)
      text.append(block.data(), static_cast<std::size_t>(size));
    return text;
  }

 private:
  int fd_;
};

std::string get(std::uint16_t port, const std::string& path) {
  const Connection connection(port);
  connection.write("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  return connection.read_all();
}

class Program : public testing::Test {
 protected:
  Program() {
    std::string pattern = (fs::temp_directory_path() / "ink-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans of the program come to us, so that their end can be seen
  }
  ~Program() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  std::vector<std::string> environment(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"PATH=" + std::string(std::getenv("PATH")), "HOME=" + folder_.string()};
    for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"})
      if (const char* value = std::getenv(name)) all.push_back(std::string(name) + "=" + value);
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  std::unique_ptr<ProgramRun> run(std::vector<std::string> arguments, std::vector<std::string> more = {}) const {
    return std::make_unique<ProgramRun>(std::move(arguments), environment(std::move(more)));
  }

  // `serve` on any free port, ready; throws when it doesn't become so.
  std::unique_ptr<ProgramRun> serve(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"serve", "--listen", "127.0.0.1:0", "--server-threads", "2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto program = run(std::move(arguments));
    const std::string line = "inkwell listening on http://127.0.0.1:";
    if (!program->prints(line) || !program->prints("  auth")) throw std::runtime_error("it said: " + program->err());
    port_ = static_cast<std::uint16_t>(std::stoul(program->out().substr(program->out().find(line) + line.size())));
    return program;
  }

  fs::path data() const { return folder_ / ".local/share/inkwell"; }

  std::string ask_redis(const std::string& command) const {
    const std::string line = fmt::format("redis-cli -s '{}' {} 2>&1", (data() / "redis/redis.sock").string(), command);
    std::FILE* out = ::popen(line.c_str(), "r");
    std::string answer;
    for (int c = 0; (c = std::fgetc(out)) != EOF;) answer += static_cast<char>(c);
    ::pclose(out);
    if (answer.ends_with('\n')) answer.pop_back();
    return answer;
  }

  pid_t redis_pid() const {
    std::ifstream lock(data() / "redis/lock");
    pid_t pid = -1;
    lock >> pid;
    return pid;
  }

  fs::path folder_;
  std::uint16_t port_ = 0;
};

TEST_F(Program, PrintsItsVersionAndItsHelp) {
  const auto version = run({"--version"});
  EXPECT_EQ(version->exit_code(), 0);
  EXPECT_THAT(version->out(), StartsWith("inkwell 0."));
  EXPECT_THAT(version->out(), HasSubstr("openssl: 3."));
  const auto help = run({"--help"});
  EXPECT_EQ(help->exit_code(), 0);
  EXPECT_THAT(help->out(), HasSubstr("serve"));
  EXPECT_EQ(help->err(), "");
}

TEST_F(Program, MakesAKeyThatOpensItsTenantOnly) {
  const auto made = run({"key", "new", "--tenant", "acme"});
  EXPECT_EQ(made->exit_code(), 0);
  const std::string key = made->out().substr(0, made->out().find('\n'));
  EXPECT_THAT(key, testing::MatchesRegex("ink_[0-9a-f]{64}"));
  EXPECT_EQ(made->out().find(key, 1), std::string::npos) << "the entry doesn't hold the key";
  const auto access = config::parse_access(made->out().substr(made->out().find("\n\n")), "keys.toml");
  ASSERT_TRUE(access) << access.error().to_string();
  EXPECT_EQ(access->keys.at(0).tenant, "acme");
  EXPECT_EQ(access->keys.at(0).sha256, server::key_digest_of(key));
  EXPECT_EQ(run({"key", "new", "--tenant", "a b"})->exit_code(), 2);
  EXPECT_EQ(run({"key", "mew"})->exit_code(), 2);
  EXPECT_EQ(run({"serve", "--auth-keys-file", "/nonexistent"})->exit_code(), 2);
}

TEST_F(Program, ServesOnARedisOfItsOwnUntilToldToStop) {
  const auto program = serve();
  EXPECT_THAT(program->out(), MatchesRegex("inkwell listening on http://127.0.0.1:[0-9]+\n(.|\n)*"));
  EXPECT_THAT(program->out(), HasSubstr("embedded, data in " + data().string()));
  EXPECT_THAT(get(port_, "/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(eventually_true([&] { return get(port_, "/readyz").starts_with("HTTP/1.1 200"); }));
  const pid_t redis = redis_pid();
  ASSERT_TRUE(test::is_alive(redis));

  program->send(SIGTERM);

  EXPECT_EQ(program->exit_code(), 0) << program->err();
  EXPECT_FALSE(test::is_alive(redis));
  EXPECT_FALSE(fs::exists(data() / "redis/redis.sock"));
}

TEST_F(Program, KeepsItsDataOverARestart) {
  auto program = serve();
  EXPECT_EQ(ask_redis("SET novel genesis"), "OK");
  program->send(SIGTERM);
  EXPECT_EQ(program->exit_code(), 0);

  program = serve();

  EXPECT_EQ(ask_redis("GET novel"), "genesis");
}

TEST_F(Program, StopsInItsOwnOrderWhenATerminalInterruptsTheWholeGroup) {
  const auto program = serve();
  program->send_to_group(SIGINT);
  EXPECT_EQ(program->exit_code(), 0);
  EXPECT_THAT(program->err(), HasSubstr("stopping"));
  EXPECT_THAT(program->err(), Not(HasSubstr("ended by signal")));
}

TEST_F(Program, TakesItsRedisWithItWhenItIsKilled) {
  const auto program = serve();
  const pid_t redis = redis_pid();
  program->send(SIGKILL);
  EXPECT_EQ(program->exit_code(), 1000 + SIGKILL);
  EXPECT_TRUE(eventually_true([&] { return ::waitpid(redis, nullptr, WNOHANG) == redis; }));
  EXPECT_THAT(get((serve(), port_), "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Program, StartsItsRedisAgainAndIsReadyAgainWhenThatIsKilled) {
  const auto program = serve();
  ASSERT_TRUE(eventually_true([&] { return get(port_, "/readyz").starts_with("HTTP/1.1 200"); }));
  const pid_t before = redis_pid();
  test::send_signal(before, SIGKILL);
  EXPECT_TRUE(eventually_true([&] {
    const pid_t now = redis_pid();
    return now > 0 && now != before && get(port_, "/readyz").starts_with("HTTP/1.1 200");
  }));
  EXPECT_TRUE(program->complains("is ready again"));
}

TEST_F(Program, EndsAtOnceWhenToldTwice) {
  const auto program = serve({"--server-drain-timeout", "1h", "--server-header-timeout", "1h"});
  const Connection half(port_);
  half.write("POST /v1/conversations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{");
  program->send(SIGTERM);
  ASSERT_TRUE(program->complains("stopping: finishing what runs"));
  program->send(SIGINT);
  EXPECT_EQ(program->exit_code(), 0);
}

TEST_F(Program, StopsWhenToldToWhileItsRedisStarts) {
  const fs::path mute = folder_ / "mute";
  std::ofstream(mute) << "#!/bin/sh\nexec sleep 600\n";
  fs::permissions(mute, fs::perms{0755});
  const auto program = run({"serve", "--listen", "127.0.0.1:0", "--redis-program", mute.string()});
  ASSERT_TRUE(eventually_true([&] { return redis_pid() > 0; }));
  program->send(SIGTERM);
  EXPECT_EQ(program->exit_code(), 0) << program->err();
}

TEST_F(Program, CarriesOnAfterAHangup) {
  const auto program = serve();
  program->send(SIGHUP);
  EXPECT_TRUE(program->complains("SIGHUP"));
  EXPECT_THAT(get(port_, "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Program, ServesAndSaysItIsNotReadyWhileItsRedisIsAway) {
  const auto program = serve({"--redis", "unix://" + (folder_ / "nobody.sock").string()});
  EXPECT_THAT(get(port_, "/healthz"), StartsWith("HTTP/1.1 200"));
  const std::string ready = get(port_, "/readyz");
  EXPECT_THAT(ready, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(ready, HasSubstr("redis"));
  EXPECT_FALSE(fs::exists(data()));
  program->send(SIGTERM);
  EXPECT_EQ(program->exit_code(), 0);
}

TEST_F(Program, RefusesADataDirectoryInUseAndNamesItsHolder) {
  const auto first = serve();
  const auto second = run({"serve", "--listen", "127.0.0.1:0"});
  EXPECT_EQ(second->exit_code(), 1);
  EXPECT_THAT(second->err(),
              HasSubstr(fmt::format("inkwell: The data directory {} is in use by another inkwell (process {}).",
                                    data().string(), first->pid())));
  EXPECT_EQ(second->out(), "");
  EXPECT_THAT(get(port_, "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Program, RefusesAPortInUseAndLeavesNoRedisBehind) {
  const auto first = serve({"--data-dir", (folder_ / "first").string()});
  const auto second = run({"serve", "--listen", fmt::format("127.0.0.1:{}", port_)});
  EXPECT_EQ(second->exit_code(), 1);
  EXPECT_THAT(second->err(), HasSubstr(fmt::format("Something listens on 127.0.0.1:{} already.", port_)));
  EXPECT_FALSE(test::is_alive(redis_pid()));
}

TEST_F(Program, RefusesToListenBeyondThisMachineWithoutAKey) {
  const auto program = run({"serve", "--listen", "0.0.0.0:0"});
  EXPECT_EQ(program->exit_code(), 2);
  EXPECT_THAT(program->err(), HasSubstr("no API key is set. Set one by INKWELL_AUTH_API_KEY"));
}

TEST_F(Program, RefusesToStartWithoutARedisServerAndSaysHowToGetOne) {
  ProgramRun program({"serve"}, {"PATH=" + folder_.string(), "HOME=" + folder_.string()});
  EXPECT_EQ(program.exit_code(), 1);
  EXPECT_THAT(program.err(), HasSubstr("sudo apt-get install redis-server"));
}

TEST_F(Program, TellsEverythingThatIsWrongWithItsConfigurationAndExitsWithTwo) {
  const fs::path file = folder_ / "inkwell.toml";
  std::ofstream(file) << "[listen]\nprot = 80\n[events]\nheartbeat = \"soon\"\n";
  const auto program = run({"serve", "--config", file.string()}, {"INKWELL_LOG_LEVEL=loud"});
  EXPECT_EQ(program->exit_code(), 2);
  EXPECT_THAT(program->err(),
              HasSubstr("inkwell.toml:2: there is no setting 'listen.prot'. The nearest is 'listen.port'"));
  EXPECT_THAT(program->err(), HasSubstr("inkwell.toml:4: events.heartbeat: 'soon' is not a duration."));
  EXPECT_THAT(program->err(), HasSubstr("INKWELL_LOG_LEVEL: log.level: 'loud' is none of them"));
  EXPECT_EQ(program->out(), "");
}

TEST_F(Program, RefusesUnknownFlagsSecretsOnTheCommandLineAndBadUrls) {
  const auto unknown = run({"serve", "--data-dri", "x"});
  EXPECT_EQ(unknown->exit_code(), 2);
  EXPECT_THAT(unknown->err(), HasSubstr("The nearest is '--data-dir'"));
  const auto secret = run({"serve", "--auth-api-key", "hunter2"});
  EXPECT_EQ(secret->exit_code(), 2);
  EXPECT_THAT(secret->err(), HasSubstr("auth.api_key is a secret"));
  EXPECT_THAT(secret->err(), Not(HasSubstr("hunter2")));
  const auto url = run({"serve"}, {"INKWELL_REDIS_URL=redis://:hunter2@h:port"});
  EXPECT_EQ(url->exit_code(), 2);
  EXPECT_THAT(url->err(), HasSubstr("INKWELL_REDIS_URL: redis.url: "));
  EXPECT_THAT(url->err(), Not(HasSubstr("hunter2")));
}

TEST_F(Program, PrintsItsConfigurationWithoutSecrets) {
  const auto defaults = run({"config", "default"});
  EXPECT_EQ(defaults->exit_code(), 0);
  std::ofstream(folder_ / "default.toml") << defaults->out();
  const auto check = run({"config", "check", "--config", (folder_ / "default.toml").string(), "--listen-port", "81"},
                         {"INKWELL_AUTH_API_KEY=hunter2"});
  EXPECT_EQ(check->exit_code(), 0) << check->err();
  EXPECT_THAT(check->out(), HasSubstr("port = 81  # from --listen-port"));
  EXPECT_THAT(check->out(), Not(HasSubstr("hunter2")));
  EXPECT_FALSE(fs::exists(data()));
}

}  // namespace
}  // namespace inkwell::test

#include "embedded/embedded_redis.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "support/loop.hpp"
#include "support/process_signal.hpp"

namespace inkwell::embedded {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::MatchesRegex;

bool eventually(std::function<bool()> condition) {
  test::asio::io_context io;
  return test::run_on(io, test::eventually(std::move(condition)), test::kDeadline * 2);
}

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// redis-cli's answer, without the newline.
std::string ask(const fs::path& socket, const std::string& command) {
  const std::string line = fmt::format("redis-cli -s '{}' {} 2>&1", socket.string(), command);
  std::FILE* out = ::popen(line.c_str(), "r");
  std::string answer;
  for (int c = 0; (c = std::fgetc(out)) != EOF;) answer += static_cast<char>(c);
  ::pclose(out);
  if (answer.ends_with('\n')) answer.pop_back();
  return answer;
}

class EmbeddedRedisTest : public testing::Test {
 protected:
  EmbeddedRedisTest() {
    std::string pattern = (fs::temp_directory_path() / "ink-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans of the tests come to us, so that their end can be seen
  }
  ~EmbeddedRedisTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  Options options() {
    Options out;
    out.data_directory = folder_ / "data";
    out.backoff_base = milliseconds(1);
    out.backoff_cap = milliseconds(50);
    out.on_event = [this](const Event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    };
    return out;
  }

  std::unique_ptr<EmbeddedRedis> started(Options how) {
    auto redis = EmbeddedRedis::start(std::move(how));
    if (!redis) throw std::runtime_error(redis.error().to_string());
    return std::move(*redis);
  }

  static std::string failure(Options how) {
    const auto redis = EmbeddedRedis::start(std::move(how));
    return redis ? "it started" : redis.error().to_string();
  }

  std::size_t seen(Event::Kind kind) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count(events_, kind, &Event::kind));
  }

  std::string detail_of_last(Event::Kind kind) {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(events_.rbegin(), events_.rend(), kind, &Event::kind);
    return found == events_.rend() ? "" : found->detail;
  }

  std::string script(const std::string& name, const std::string& body) {
    const fs::path file = folder_ / name;
    std::ofstream(file) << "#!/bin/sh\n" << body << "\n";
    fs::permissions(file, fs::perms{0755});
    return file.string();
  }

  fs::path folder_;
  std::mutex mutex_;
  std::vector<Event> events_;
};

TEST_F(EmbeddedRedisTest, AnswersOnAPrivateSocketAndNowhereElse) {
  const auto redis = started(options());

  EXPECT_EQ(ask(redis->socket(), "PING"), "PONG");
  EXPECT_EQ(ask(redis->socket(), "CONFIG GET port"), "port\n0");
  EXPECT_EQ(ask(redis->socket(), "CONFIG GET appendonly"), "appendonly\nyes");
  EXPECT_EQ(ask(redis->socket(), "CONFIG GET appendfsync"), "appendfsync\neverysec");
  EXPECT_EQ(ask(redis->socket(), "CONFIG GET save"), "save\n");
  EXPECT_EQ(ask(redis->socket(), "CONFIG GET maxmemory-policy"), "maxmemory-policy\nnoeviction");
  struct stat about{};
  ASSERT_EQ(::stat((folder_ / "data/redis").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700U);
  ASSERT_EQ(::stat(redis->socket().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700U);
  EXPECT_EQ(seen(Event::Kind::ready), 1U);
}

TEST_F(EmbeddedRedisTest, BringsItsDataBackAtTheNextStart) {
  auto redis = started(options());
  EXPECT_EQ(ask(redis->socket(), "SET novel genesis"), "OK");
  const fs::path socket = redis->socket();
  redis->stop();
  EXPECT_FALSE(fs::exists(socket));
  redis.reset();

  redis = started(options());

  EXPECT_EQ(ask(redis->socket(), "GET novel"), "genesis");
}

TEST_F(EmbeddedRedisTest, RefusesADirectoryThatIsInUseAndNamesItAndItsHolder) {
  const auto redis = started(options());

  EXPECT_EQ(failure(options()),
            fmt::format("The data directory {} is in use by another inkwell (process {}). Stop that one, or give this "
                        "one a directory of its own with --data-dir.",
                        (folder_ / "data").string(), ::getpid()));
  EXPECT_EQ(ask(redis->socket(), "PING"), "PONG");
}

TEST_F(EmbeddedRedisTest, StartsAgainWithItsDataWhenItIsKilled) {
  const auto redis = started(options());
  ASSERT_EQ(ask(redis->socket(), "SET novel genesis"), "OK");
  const pid_t before = redis->stats().pid;

  test::send_signal(before, SIGKILL);

  ASSERT_TRUE(eventually([&] { return redis->stats().restarts == 1 && redis->stats().pid > 0; }));
  EXPECT_NE(redis->stats().pid, before);
  EXPECT_EQ(ask(redis->socket(), "GET novel"), "genesis");
  EXPECT_THAT(detail_of_last(Event::Kind::ended), HasSubstr("was ended by signal 9 (Killed)"));
}

TEST_F(EmbeddedRedisTest, StartsAgainAsOftenAsItIsKilled) {
  const auto redis = started(options());
  for (std::uint64_t i = 1; i <= 5; ++i) {
    test::send_signal(redis->stats().pid, SIGKILL);
    ASSERT_TRUE(eventually([&] { return redis->stats().restarts == i && redis->stats().pid > 0; })) << i;
  }
  EXPECT_EQ(ask(redis->socket(), "PING"), "PONG");
}

TEST_F(EmbeddedRedisTest, DiesWithItsParentAndTheNextOneWaitsForItsEnd) {
  // given a process that serves from the directory
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t test = ::getpid();
  const pid_t parent = ::fork();
  if (parent == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that fails half-way leaves nothing behind
    if (::getppid() != test) ::_exit(1);
    const auto redis = EmbeddedRedis::start(options());
    const pid_t pid = redis ? (*redis)->stats().pid : -1;
    if (redis) ask((*redis)->socket(), "SET novel genesis");
    (void)!::write(ends[1], &pid, sizeof pid);
    for (;;) ::pause();
  }
  pid_t redis_pid = -1;
  ASSERT_EQ(::read(ends[0], &redis_pid, sizeof redis_pid), static_cast<ssize_t>(sizeof redis_pid));
  ::close(ends[0]);
  ::close(ends[1]);
  ASSERT_GT(redis_pid, 0);

  // when it is killed
  test::send_signal(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);

  // then the directory can be had at once, whether or not the redis-server has ended by now ...
  const auto redis = started(options());
  EXPECT_EQ(ask(redis->socket(), "GET novel"), "genesis");
  // ... and it has, in order
  int status = 0;
  ASSERT_TRUE(eventually([&] { return ::waitpid(redis_pid, &status, WNOHANG) == redis_pid; }));
  EXPECT_TRUE(WIFEXITED(status));
}

TEST_F(EmbeddedRedisTest, NamesTheRedisServerOfAnEarlierRunThatDoesNotEnd) {
  // given the lock as a redis-server holds it whose parent was killed
  {
    auto directory = DataDirectory::open(folder_ / "data", milliseconds(0), {});
    ASSERT_TRUE(directory.has_value());
    directory->note_redis_pid(4242);
    const int inherited = ::fcntl(directory->redis_lock(), F_DUPFD_CLOEXEC, 0);
    ASSERT_GE(inherited, 0);
    *directory = DataDirectory();
    auto how = options();
    how.predecessor_timeout = milliseconds(50);

    EXPECT_EQ(
        failure(std::move(how)),
        fmt::format("The redis-server (process 4242) of an earlier run still works in the data directory {}. Wait "
                    "until it has written its data, or end it: kill 4242.",
                    (folder_ / "data").string()));
    ::close(inherited);
  }
  EXPECT_EQ(ask(started(options())->socket(), "PING"), "PONG");
}

TEST_F(EmbeddedRedisTest, PutsTheSocketElsewhereWhenItsPathWouldBeTooLong) {
  auto how = options();
  how.data_directory = folder_ / std::string(120, 'x');
  how.runtime_directories = {folder_};
  auto redis = started(how);

  EXPECT_EQ(ask(redis->socket(), "PING"), "PONG");
  EXPECT_EQ(redis->socket().parent_path().parent_path(), folder_);
  struct stat about{};
  ASSERT_EQ(::stat(redis->socket().parent_path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700U);

  const fs::path place = redis->socket().parent_path();
  redis.reset();
  EXPECT_FALSE(fs::exists(place));
}

TEST_F(EmbeddedRedisTest, SaysHowToInstallTheServerWhenThereIsNone) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", folder_.c_str(), 1);
  const std::string text = failure(options());
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(
      text,
      "Neither redis-server nor valkey-server is in any folder of PATH. Install it (Debian and Ubuntu: sudo apt-get "
      "install redis-server), or use a Redis of your own with --redis URL.");
  EXPECT_FALSE(fs::exists(folder_ / "data"));
}

TEST_F(EmbeddedRedisTest, ShowsTheEndOfTheLogWhenTheServerCannotStart) {
  auto how = options();
  how.program = script("broken", "echo out of ink; exit 3");
  const std::string text = failure(std::move(how));
  EXPECT_THAT(text, HasSubstr("broken exited with status 3."));
  EXPECT_THAT(text, HasSubstr("out of ink"));
}

TEST_F(EmbeddedRedisTest, ShowsTheServersOwnWordsWhenItsDataAreDamaged) {
  auto redis = started(options());
  ask(redis->socket(), "SET novel genesis");
  redis.reset();
  for (const auto& file : fs::directory_iterator(folder_ / "data/redis/appendonlydir"))
    if (file.path().string().ends_with(".incr.aof")) std::ofstream(file.path()) << "*1\r\n$3\r\nXXnonsense\r\n*x\r\n";

  const std::string text = failure(options());

  EXPECT_THAT(text, HasSubstr("exited with status 1"));
  EXPECT_THAT(text, HasSubstr("'XXn'"));
}

TEST_F(EmbeddedRedisTest, RefusesADirectoryThatCannotBeUsed) {
  std::ofstream(folder_ / "file") << "x";
  auto how = options();
  how.data_directory = folder_ / "file";
  EXPECT_THAT(failure(how), MatchesRegex("The data directory cannot be used: .*/file: it is not a directory.*"));
  how.data_directory = folder_ / "file" / "below";
  EXPECT_THAT(failure(how), MatchesRegex("The data directory cannot be used: .*/file/below: Not a directory.*"));
  how.data_directory = "/proc/inkwell";
  EXPECT_THAT(failure(how), HasSubstr("The data directory cannot be used: /proc/inkwell: "));
}

TEST_F(EmbeddedRedisTest, GivesUpOnAServerThatNeverAnswers) {
  auto how = options();
  how.program = script("mute", "exec sleep 600");
  how.start_timeout = milliseconds(100);
  EXPECT_THAT(failure(std::move(how)), HasSubstr("mute did not answer in time."));
}

TEST_F(EmbeddedRedisTest, StopsWaitingForAServerWhenToldTo) {
  auto how = options();
  how.program = script("mute", "exec sleep 600");
  std::stop_source stop;
  std::thread teller([&] {
    eventually([&] { return fs::exists(folder_ / "data/redis/redis.log"); });
    stop.request_stop();
  });
  const auto redis = EmbeddedRedis::start(std::move(how), stop.get_token());
  teller.join();
  ASSERT_FALSE(redis.has_value());
  EXPECT_EQ(redis.error().kind(), ErrorKind::cancelled);
}

TEST_F(EmbeddedRedisTest, KillsAServerThatDoesNotEndWhenToldTo) {
  auto how = options();
  how.stop_timeout = milliseconds(50);
  const auto redis = started(std::move(how));
  const pid_t pid = redis->stats().pid;
  test::send_signal(pid, SIGSTOP);

  redis->stop();

  EXPECT_EQ(seen(Event::Kind::killed), 1U);
  EXPECT_FALSE(test::is_alive(pid));
}

TEST_F(EmbeddedRedisTest, TriesAgainUntilWhatStoodInTheWayHasPassed) {
  auto how = options();
  how.program = script("server", "exec redis-server \"$@\"");
  const auto redis = started(how);
  fs::rename(how.program, how.program + ".away");

  test::send_signal(redis->stats().pid, SIGKILL);

  ASSERT_TRUE(eventually([&] { return seen(Event::Kind::start_failed) >= 3; }));
  EXPECT_THAT(detail_of_last(Event::Kind::start_failed), HasSubstr("execve: No such file or directory"));
  fs::rename(how.program + ".away", how.program);
  ASSERT_TRUE(eventually([&] { return redis->stats().restarts == 1 && redis->stats().pid > 0; }));
  EXPECT_EQ(ask(redis->socket(), "PING"), "PONG");
}

TEST_F(EmbeddedRedisTest, KeepsOutOfReachOfTheTerminalAndInheritsNothingItShouldNot) {
  ::setenv("INKWELL_AUTH_API_KEY", "hunter2", 1);
  const int leaked = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  auto how = options();
  how.program = script("server", fmt::format("env > {}/environment; exec redis-server \"$@\"", folder_.string()));
  const auto redis = started(std::move(how));
  ::unsetenv("INKWELL_AUTH_API_KEY");
  const pid_t pid = redis->stats().pid;

  EXPECT_EQ(::getsid(pid), pid);
  EXPECT_NE(::getpgid(pid), ::getpgrp());
  EXPECT_EQ(read_text(folder_ / "environment").find("INKWELL_"), std::string::npos);
  EXPECT_NE(read_text(folder_ / "environment").find("PATH="), std::string::npos);
  std::error_code none;
  const auto target = fs::read_symlink(fmt::format("/proc/{}/fd/{}", pid, leaked), none);
  EXPECT_TRUE(none || target != "/dev/null") << target;
  ::close(leaked);
}

TEST_F(EmbeddedRedisTest, RunsWithSignalsAsAnyProgramWould) {
  // given a thread that blocks and ignores what a server does
  sigset_t blocked;
  ::sigfillset(&blocked);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto ignored = ::signal(SIGHUP, SIG_IGN);
  const auto redis = started(options());
  ::signal(SIGHUP, ignored);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // then its SIGTERM works
  redis->stop();
  EXPECT_EQ(seen(Event::Kind::killed), 0U);
}

}  // namespace
}  // namespace inkwell::embedded

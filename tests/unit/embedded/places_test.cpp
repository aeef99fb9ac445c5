#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "embedded/log_file.hpp"
#include "embedded/program.hpp"
#include "embedded/socket_place.hpp"

namespace inkwell::embedded {
namespace {

namespace fs = std::filesystem;

class EmbeddedPlaces : public testing::Test {
 protected:
  EmbeddedPlaces() {
    std::string pattern = (fs::temp_directory_path() / "ink-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~EmbeddedPlaces() override { fs::remove_all(folder_); }

  fs::path executable(const std::string& name) {
    const fs::path file = folder_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "#!/bin/sh\n";
    fs::permissions(file, fs::perms{0755});
    return file;
  }

  fs::path folder_;
};

TEST_F(EmbeddedPlaces, TakesTheFirstServerOfThePathAndPrefersRedis) {
  const fs::path valkey = executable("a/valkey-server");
  const fs::path redis = executable("b/redis-server");
  executable("c/redis-server");
  const std::string path = (folder_ / "a").string() + ":" + (folder_ / "b").string() + ":" + (folder_ / "c").string();
  EXPECT_EQ(find_program("", path), redis);
  EXPECT_EQ(find_program("", (folder_ / "a").string()), valkey);
  EXPECT_EQ(find_program("valkey-server", path), valkey);
  EXPECT_EQ(find_program(valkey.string(), ""), valkey);
}

TEST_F(EmbeddedPlaces, PassesOverWhatCannotBeRunAndEmptyPartsOfThePath) {
  fs::create_directories(folder_ / "a/redis-server");
  fs::permissions(executable("b/redis-server"), fs::perms{0644});
  const fs::path good = executable("c/redis-server");
  const std::string path =
      ":" + (folder_ / "a").string() + "::" + (folder_ / "b").string() + ":" + (folder_ / "c").string();
  EXPECT_EQ(find_program("", path), good);
  const auto refused = find_program((folder_ / "b/redis-server").string(), path);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message(),
            "redis.program names " + (folder_ / "b/redis-server").string() + ", which is not an executable file.");
}

TEST_F(EmbeddedPlaces, RemovesSocketsAndPrivateDirectoriesThatAKilledProcessLeft) {
  // given what is left behind where nothing was cleaned up
  const fs::path directory = folder_ / std::string(120, 'x');
  fs::create_directories(directory);
  fs::create_directories(folder_ / "orphan");
  std::ofstream(folder_ / "orphan/redis.sock") << "";
  std::ofstream(directory / "socket-directory") << (folder_ / "orphan").string() << "\n";
  // when a place is chosen anew
  const auto place = SocketPlace::choose(directory, {folder_});
  // then it is gone, and the new one noted
  ASSERT_TRUE(place.has_value());
  EXPECT_FALSE(fs::exists(folder_ / "orphan"));
  std::ifstream note(directory / "socket-directory");
  std::string noted;
  std::getline(note, noted);
  EXPECT_EQ(noted, place->socket().parent_path().string());
}

TEST_F(EmbeddedPlaces, RemovesNothingElseForANoteThatWasTamperedWith) {
  const fs::path directory = folder_ / "redis";
  fs::create_directories(directory);
  fs::create_directories(folder_ / "precious");
  std::ofstream(folder_ / "precious/file") << "x";
  std::ofstream(directory / "socket-directory") << (folder_ / "precious").string() << "\n";
  ASSERT_TRUE(SocketPlace::choose(directory, {}).has_value());
  EXPECT_TRUE(fs::exists(folder_ / "precious/file"));
}

TEST_F(EmbeddedPlaces, SaysWhyNoPlaceIsLeftForTheSocket) {
  const fs::path directory = folder_ / std::string(120, 'x');
  fs::create_directories(directory);
  const auto place = SocketPlace::choose(directory, {folder_ / std::string(120, 'y'), folder_ / "missing"});
  ASSERT_FALSE(place.has_value());
  EXPECT_EQ(place.error().message(), "The path " + directory.string() +
                                         " is too long for a Unix socket, and no other place for one was found: " +
                                         (folder_ / "missing").string() + ": No such file or directory.");
}

TEST_F(EmbeddedPlaces, ShowsTheLastLinesOfALogAfterAnOffset) {
  const fs::path file = folder_ / "log";
  std::ofstream(file) << "one\ntwo\nthree\nfour\n";
  EXPECT_EQ(last_lines(file, 0, 2), "three\nfour");
  EXPECT_EQ(last_lines(file, 0, 9), "one\ntwo\nthree\nfour");
  EXPECT_EQ(last_lines(file, 14, 9), "four");
  EXPECT_EQ(last_lines(file, 19, 9), "");
  EXPECT_EQ(last_lines(folder_ / "none", 0, 9), "");
}

TEST_F(EmbeddedPlaces, PutsALogAsideOnceItIsTooLarge) {
  const fs::path file = folder_ / "log";
  rotate_log(file, 4);
  std::ofstream(file) << "four";
  rotate_log(file, 4);
  EXPECT_TRUE(fs::exists(file));
  std::ofstream(file) << "fives";
  rotate_log(file, 4);
  EXPECT_FALSE(fs::exists(file));
  EXPECT_TRUE(fs::exists(folder_ / "log.1"));
}

}  // namespace
}  // namespace inkwell::embedded

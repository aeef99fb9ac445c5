#include "redis/link/read_buffer.hpp"

#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace inkwell::redis::link {
namespace {

void receive(ReadBuffer& buffer, std::string_view bytes, std::size_t wanted = 1) {
  const auto room = buffer.prepare(wanted);
  ASSERT_GE(room.size(), bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  buffer.commit(bytes.size());
}

TEST(ReadBuffer, UsesItsChunkAgainOnceNobodyElseOwnsIt) {
  ReadBuffer buffer;
  receive(buffer, "hello");
  const char* const first = buffer.data();
  SharedBytes reply = buffer.owner();
  buffer.consume(5);
  receive(buffer, "again");
  EXPECT_NE(buffer.data(), first);
  EXPECT_EQ(std::string_view(first, 5), "hello");
  buffer.consume(5);
  reply = SharedBytes();
  receive(buffer, "third");
  EXPECT_EQ(buffer.data(), first);
}

TEST(ReadBuffer, MovesAHalfReadReplyToAChunkOfTheRightSize) {
  ReadBuffer buffer;
  receive(buffer, "$1000000\r\n");
  const auto room = buffer.prepare(1'000'012);
  EXPECT_GE(room.size(), 1'000'002U);
  EXPECT_LT(room.size(), 1'000'012U + ReadBuffer::kChunk);
  EXPECT_EQ(std::string_view(buffer.data(), buffer.size()), "$1000000\r\n");
}

TEST(ReadBuffer, GrowsGeometricallyWhereTheLengthIsNotKnown) {
  ReadBuffer buffer;
  int chunks = 0;
  const char* last = nullptr;
  for (std::size_t total = 0; total < 10'000'000; total += 8192) {
    const auto room = buffer.prepare(buffer.size() + 1);
    if (buffer.data() != last) ++chunks;
    last = buffer.data();
    buffer.commit(std::min<std::size_t>(room.size(), 8192));
  }
  EXPECT_LT(chunks, 12);
}

TEST(ReadBuffer, TakesSpareChunksAgain) {
  ReadBuffer buffer;
  std::vector<SharedBytes> replies;
  std::vector<const char*> seen;
  for (int round = 0; round < 100; ++round) {
    buffer.prepare(1);
    receive(buffer, std::string(62'000, 'x'));
    if (std::ranges::find(seen, buffer.owner().data()) == seen.end()) seen.push_back(buffer.owner().data());
    replies.push_back(buffer.owner());
    if (replies.size() > 3) replies.erase(replies.begin());
    buffer.consume(62'000);
  }
  EXPECT_LE(seen.size(), 6U);
}

}  // namespace
}  // namespace inkwell::redis::link

// The table of flights between two loops on two threads: every waiter gets exactly the value of its own key, whoever
// leads; abandoned flights are taken up by others; nothing is left behind.
#include "embeddings/flight.hpp"

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <thread>

#include "base/gate.hpp"
#include "support/loop.hpp"

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

Digest256 key_of(std::uint64_t number) {
  Digest256 key;
  std::memcpy(key.bytes.data(), &number, sizeof number);
  key.bytes.back() = static_cast<std::byte>(number);
  return key;
}

Outcome value_of(std::uint64_t number) {
  auto draft = HotCache::allocate(sizeof number);
  std::memcpy(draft.bytes().data(), &number, sizeof number);
  static HotCache nowhere({.max_bytes = 0, .shards = 1});  // keeps nothing: a handle is all there is
  Outcome outcome;
  outcome.state = Outcome::State::value;
  outcome.vector = nowhere.put(key_of(number), std::move(draft), HotCache::TimePoint::max(), HotCache::TimePoint{});
  return outcome;
}

asio::awaitable<void> fly(std::vector<FlightTable::Lead> leads, std::vector<std::uint64_t> numbers, unsigned luck) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::microseconds(luck % 300));
  co_await timer.async_wait(asio::use_awaitable);
  for (std::size_t i = 0; i < leads.size(); ++i) {
    if ((luck + i) % 5 != 0) leads[i].settle(value_of(numbers[i]));  // the rest is abandoned
  }
}

struct Tally {
  std::size_t values = 0;
  std::size_t abandoned = 0;
  std::size_t wrong = 0;
};

asio::awaitable<void> call(asio::any_io_executor executor, FlightTable& table, Gate& gate, unsigned seed,
                           Tally& tally) {
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    const auto waiting = std::make_shared<Waiting>(executor, table, 4);
    std::vector<FlightTable::Lead> leads;
    std::vector<std::uint64_t> led;
    std::vector<std::uint64_t> numbers;
    for (std::size_t i = 0; i < 4; ++i) {
      numbers.push_back(random() % 10 * 4 + i);
      auto lead = table.join(key_of(numbers[i]), waiting, i);
      if (!lead) continue;
      leads.push_back(std::move(*lead));
      led.push_back(numbers[i]);
    }
    gate.spawn("fly", fly(std::move(leads), std::move(led), static_cast<unsigned>(random())));
    const bool impatient = random() % 8 == 0;
    const bool landed = co_await waiting->wait(Waiting::Clock::now() + (impatient ? 100us : 10s));
    if (!landed) {
      tally.wrong += !impatient;
      waiting->leave();
      continue;
    }
    for (std::size_t i = 0; i < 4; ++i) {
      const Outcome& outcome = waiting->outcome(i);
      if (outcome.state == Outcome::State::abandoned) ++tally.abandoned;
      if (outcome.state != Outcome::State::value) continue;
      ++tally.values;
      tally.wrong += outcome.vector.as<std::uint64_t>()[0] != numbers[i];
    }
  }
}

void run_loop(FlightTable& table, unsigned seed, Tally& tally) {
  asio::io_context io{1};
  Gate flights(io.get_executor());
  Gate callers(io.get_executor());
  for (unsigned i = 0; i < 4; ++i) callers.spawn("call", call(io.get_executor(), table, flights, seed + i, tally));
  test::run_on(io, callers.wait_until_empty(), 60s);
  test::run_on(io, flights.close());
}

TEST(FlightsAcrossThreads, EveryWaiterGetsTheValueOfItsOwnKey) {
  FlightTable table;
  Tally tallies[3];
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; ++i) threads.emplace_back([&, i] { run_loop(table, i * 100, tallies[i]); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(table.size(), 0u);
  for (const auto& tally : tallies) {
    EXPECT_EQ(tally.wrong, 0u);
    EXPECT_GT(tally.values, 1000u);
    EXPECT_GT(tally.abandoned, 0u);
  }
}

}  // namespace
}  // namespace inkwell::embeddings

#include "events/channel/chain.hpp"

#include <gtest/gtest.h>
#include <random>

#include "unit/events/make_event.hpp"

namespace inkwell::events {
namespace {

using test::event;
using test::told;

EventId id(std::uint64_t n) { return {n, 0}; }

LogPiece piece(std::vector<EventRef> events, bool complete = true) {
  return {.events = std::move(events), .damaged = 0, .complete = complete};
}

/// A chain whose subscription is confirmed and whose log held events 1 to `last`.
Chain listening(std::uint64_t last, ChainOptions options = {}) {
  Chain chain(options);
  chain.subscribed();
  std::vector<EventRef> events;
  for (std::uint64_t n = 1; n <= last; ++n) events.push_back(event(n, n - 1));
  chain.answer(chain.wanted()->ticket, piece(std::move(events)));
  chain.take_appended();
  return chain;
}

void answer(Chain& chain, std::vector<EventRef> events, bool complete = true) {
  ASSERT_TRUE(chain.wanted());
  chain.answer(chain.wanted()->ticket, piece(std::move(events), complete));
}

TEST(Chain, ReadsTheNewestEntriesOnceItIsConfirmedAndIsReadyThen) {
  Chain chain({});
  EXPECT_FALSE(chain.wanted());
  chain.subscribed();
  ASSERT_TRUE(chain.wanted());
  EXPECT_EQ(chain.wanted()->kind, Chain::Read::Kind::newest);
  EXPECT_FALSE(chain.ready());
  answer(chain, {event(8, 7), event(9, 8)});
  EXPECT_TRUE(chain.ready());
  EXPECT_EQ(chain.ring().base(), id(7));
  EXPECT_EQ(chain.ring().last(), id(9));
  EXPECT_FALSE(chain.wanted());
}

TEST(Chain, AppendsWhatNamesItsLastEvent) {
  auto chain = listening(2);
  chain.live(event(3, 2));
  chain.live(event(4, 3));
  EXPECT_EQ(told(chain.take_appended()), "3 4");
  EXPECT_FALSE(chain.wanted());
}

TEST(Chain, DropsWhatItHasAlready) {
  auto chain = listening(3);
  chain.live(event(2, 1));
  chain.live(event(3, 2));
  EXPECT_EQ(told(chain.take_appended()), "");
  EXPECT_EQ(chain.stats().duplicates, 2U);
}

TEST(Chain, JoinsWhatCameWhileItReadWithoutRepeatingOrSkipping) {
  Chain chain({});
  chain.subscribed();
  chain.live(event(2, 1));  // in the read as well
  chain.live(event(3, 2));  // published after the read
  answer(chain, {event(1, 0), event(2, 1)});
  EXPECT_EQ(told(chain.take_appended()), "1 2 3");
}

TEST(Chain, RepairsAMissedMessageFromTheLogBeforeAnythingLater) {
  auto chain = listening(2);
  chain.live(event(5, 4));
  EXPECT_EQ(told(chain.take_appended()), "");
  ASSERT_TRUE(chain.wanted());
  EXPECT_EQ(chain.wanted()->kind, Chain::Read::Kind::from);
  EXPECT_EQ(chain.wanted()->from, id(2));
  chain.live(event(6, 5));
  answer(chain, {event(2, 1), event(3, 2), event(4, 3), event(5, 4)});
  EXPECT_EQ(told(chain.take_appended()), "3 4 5 6");
}

TEST(Chain, RepairsInSeveralBatches) {
  auto chain = listening(2);
  chain.live(event(6, 5));
  answer(chain, {event(2, 1), event(3, 2), event(4, 3)}, false);
  ASSERT_TRUE(chain.wanted());
  EXPECT_EQ(chain.wanted()->from, id(4));
  answer(chain, {event(4, 3), event(5, 4), event(6, 5)});
  EXPECT_EQ(told(chain.take_appended()), "3 4 5 6");
  EXPECT_FALSE(chain.wanted());
}

TEST(Chain, ReadsOnFromItsLastEventAfterAReconnect) {
  auto chain = listening(2);
  chain.lost();
  chain.live(event(3, 2));  // nothing counts until the confirmation
  EXPECT_FALSE(chain.wanted());
  chain.subscribed();
  EXPECT_EQ(chain.wanted()->from, id(2));
  answer(chain, {event(2, 1), event(3, 2)});
  EXPECT_EQ(told(chain.take_appended()), "3");
}

TEST(Chain, FindsNothingMissedAfterAReconnectWhenTheFirstEntryNamesItsLast) {
  auto chain = listening(2);
  chain.lost();
  chain.subscribed();
  answer(chain, {event(7, 2), event(8, 7)});  // 2 itself has been trimmed
  EXPECT_EQ(told(chain.take_appended()), "7 8");
}

TEST(Chain, TellsOfAGapWhenTheLogWasTrimmedPastIt) {
  auto chain = listening(2);
  chain.lost();
  chain.subscribed();
  answer(chain, {event(9, 8), event(10, 9)});
  EXPECT_EQ(told(chain.take_appended()), "gap(2>9,trimmed) 9 10");
}

TEST(Chain, TellsOfAGapWhenTheLogBeganAnewWhileItWasAway) {
  auto chain = listening(2);
  chain.lost();
  chain.subscribed();
  answer(chain, {event(9, 0)});
  EXPECT_EQ(told(chain.take_appended()), "gap(2>9,trimmed) 9");
}

TEST(Chain, TellsOnceWhenTheLogIsGoneAfterAReconnect) {
  auto chain = listening(2);
  chain.lost();
  chain.subscribed();
  answer(chain, {});
  answer(chain, {});
  EXPECT_EQ(told(chain.take_appended()), "gap(2>,unknown_cursor)");
  chain.live(event(9, 0));
  EXPECT_EQ(told(chain.take_appended()), "9");
}

TEST(Chain, LosesNothingWhenTheLogExpiresWhileItListens) {
  auto chain = listening(2);
  chain.live(event(9, 0));
  EXPECT_EQ(told(chain.take_appended()), "9");
  auto checked = listening(2);
  checked.check();
  answer(checked, {});
  answer(checked, {});
  checked.live(event(9, 0));
  EXPECT_EQ(told(checked.take_appended()), "9");
}

TEST(Chain, FollowsALogThatLostItsEndInAFailoverAndDropsNothingForLookingOld) {
  auto chain = listening(8);
  chain.live(event(20, 8));
  chain.live(event(21, 20));
  chain.take_appended();
  chain.lost();
  chain.subscribed();
  answer(chain, {});  // nothing at or after 21
  ASSERT_TRUE(chain.wanted());
  EXPECT_EQ(chain.wanted()->kind, Chain::Read::Kind::newest);
  answer(chain, {event(7, 6), event(8, 7)});
  EXPECT_EQ(told(chain.take_appended()), "gap(21>,unknown_cursor)");
  chain.live(event(15, 8));  // the new master's clock is behind
  EXPECT_EQ(told(chain.take_appended()), "15");
}

TEST(Chain, FindsTheForkAndSendsWhatIsNewAfterIt) {
  auto chain = listening(8);
  chain.live(event(20, 8));
  chain.live(event(21, 20));
  chain.take_appended();
  chain.live(event(30, 15));  // a failover behind one connection: 20 and 21 are lost, 15 is new
  EXPECT_EQ(chain.wanted()->from, id(21));
  answer(chain, {event(30, 15)});
  ASSERT_TRUE(chain.wanted());
  EXPECT_EQ(chain.wanted()->kind, Chain::Read::Kind::newest);
  answer(chain, {event(7, 6), event(8, 7), event(15, 8), event(30, 15)});
  EXPECT_EQ(told(chain.take_appended()), "gap(21>15,unknown_cursor) 15 30");
  chain.live(event(31, 30));
  EXPECT_EQ(told(chain.take_appended()), "31");
}

TEST(Chain, ChecksTheEndOnRequestAndRepairsWhatNoMessageToldOf) {
  auto chain = listening(2);
  chain.check();
  answer(chain, {event(2, 1)});
  EXPECT_EQ(told(chain.take_appended()), "");
  EXPECT_FALSE(chain.wanted());
  chain.check();
  answer(chain, {event(2, 1), event(3, 2)});
  EXPECT_EQ(told(chain.take_appended()), "3");
}

TEST(Chain, TellsOfNoGapWhenAnEmptyLogBeginsBetweenTwoReads) {
  auto chain = listening(0);
  chain.check();
  answer(chain, {});
  ASSERT_TRUE(chain.wanted());
  answer(chain, {event(3, 0), event(4, 3)});
  EXPECT_EQ(told(chain.take_appended()), "3 4");
}

TEST(Chain, IgnoresAnswersFromBeforeAReconnect) {
  auto chain = listening(2);
  chain.check();
  const auto old = chain.wanted()->ticket;
  chain.lost();
  chain.answer(old, piece({event(2, 1), event(3, 2)}));
  chain.subscribed();
  chain.answer(old, piece({event(2, 1), event(3, 2)}));
  EXPECT_EQ(told(chain.take_appended()), "");
  EXPECT_NE(chain.wanted()->ticket, old);
}

TEST(Chain, ReadsAgainWhatItsBacklogCouldNotHold) {
  auto chain = listening(2, {.backlog_events = 3});
  chain.check();
  for (std::uint64_t n = 3; n <= 8; ++n) chain.live(event(n, n - 1));
  answer(chain, {event(2, 1)});
  while (chain.wanted()) {
    std::vector<EventRef> rest;
    for (std::uint64_t n = chain.wanted()->from.milliseconds; n <= 8; ++n) rest.push_back(event(n, n - 1));
    answer(chain, rest);
  }
  EXPECT_EQ(told(chain.take_appended()), "3 4 5 6 7 8");
}

TEST(Chain, DoesNotReadForEverWhenTheLogGivesNothingNew) {
  auto chain = listening(2);
  chain.live(event(9, 5));
  answer(chain, {event(2, 1)}, false);
  EXPECT_FALSE(chain.wanted());
}

/// A model of Redis: a log that trims, live messages that a lossy connection may drop with or without notice. Whatever
/// happens, the ring must hold every event in order, once, or a gap before the next.
TEST(ChainProperty, NeverSkipsUntoldRepeatsOrReorders) {
  const char* given = std::getenv("INKWELL_SEED");
  const auto seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    Chain chain({.ring_bytes = 3000, .prefill = 4, .repair_batch = 5, .resync_entries = 40, .backlog_events = 6});
    std::deque<EventRef> log;
    std::uint64_t newest = 0;
    std::vector<EventRef> in_flight;
    std::vector<EventRef> sent;
    std::optional<std::pair<std::uint64_t, LogPiece>> reading;
    const auto read = [&](const Chain::Read& wanted) {
      LogPiece answer;
      answer.complete = true;
      if (wanted.kind == Chain::Read::Kind::newest) {
        const auto from = log.size() > wanted.count ? log.size() - wanted.count : 0;
        answer.events.assign(log.begin() + static_cast<std::ptrdiff_t>(from), log.end());
        return answer;
      }
      for (const auto& e : log) {
        if (e->id < wanted.from) continue;
        if (answer.events.size() == wanted.count) {
          answer.complete = false;
          break;
        }
        answer.events.push_back(e);
      }
      return answer;
    };
    chain.subscribed();
    bool connected = true;
    const auto step = [&](bool calm) {
      switch (random() % (calm ? 3 : 8)) {
        case 0:
          if (reading) {
            chain.answer(reading->first, reading->second);
            reading.reset();
          }
          break;
        case 1:
          if (!reading && chain.wanted()) reading = {chain.wanted()->ticket, read(*chain.wanted())};
          break;
        case 2:
          if (!in_flight.empty()) {
            chain.live(in_flight.front());
            in_flight.erase(in_flight.begin());
          }
          break;
        case 3:
        case 4:
        case 5: {
          const auto made = event(newest + 1, newest);
          ++newest;
          log.push_back(made);
          while (log.size() > 30) log.pop_front();
          if (connected && random() % 20 != 0) in_flight.push_back(made);
          break;
        }
        case 6:
          if (random() % 6 == 0) {
            if (connected) chain.lost();
            in_flight.clear();
            connected = !connected;
            if (connected) chain.subscribed();
          }
          break;
        default:
          chain.check();
      }
      for (auto& e : chain.take_appended()) sent.push_back(std::move(e));
    };
    for (int i = 0; i < 400; ++i) step(false);
    if (!connected) chain.subscribed();
    chain.check();
    for (int i = 0; i < 400; ++i) step(true);
    chain.check();
    for (int i = 0; i < 400; ++i) step(true);
    ASSERT_FALSE(sent.empty());
    for (std::size_t i = 1; i < sent.size(); ++i) {
      if (sent[i]->is_gap() || sent[i - 1]->is_gap()) continue;
      ASSERT_EQ(sent[i]->predecessor, sent[i - 1]->id) << told(sent);
    }
    std::uint64_t before = 0;
    for (const auto& e : sent) {
      if (e->is_gap()) continue;
      ASSERT_GT(e->id.milliseconds, before) << told(sent);
      before = e->id.milliseconds;
    }
    ASSERT_EQ(before, newest) << "the end was not reached: " << told(sent);
  }
}

}  // namespace
}  // namespace inkwell::events

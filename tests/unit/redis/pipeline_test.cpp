// The pipeline stepped by hand: bytes out, replies in, losses in between, and what each caller is told.
#include "redis/link/pipeline.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <vector>

#include <inkwell/redis/request.hpp>

namespace inkwell::redis::link {
namespace {

using namespace std::chrono_literals;

class PipelineTest : public testing::Test {
 protected:
  static constexpr Pipeline::Bounds kBounds{.max_requests = 100, .max_bytes = 100'000};

  std::unique_ptr<Call> make(const Request& request, bool idempotent = false) {
    auto call = std::make_unique<Call>(request.wire(), static_cast<std::uint32_t>(request.size()), idempotent);
    call->deadline = now_ + 5s;
    Call* const raw = call.get();
    call->continuation.emplace([this, raw] { resumed_.push_back(raw); });
    return call;
  }
  std::unique_ptr<Call> submit(const Request& request, bool idempotent = false) {
    auto call = make(request, idempotent);
    EXPECT_FALSE(pipeline_.submit(*call));
    return call;
  }
  /// All that would be written now, of which `accepted` bytes are.
  std::string write(std::size_t accepted = std::string::npos) {
    std::string bytes;
    for (;;) {
      std::string piece;
      for (const auto part : pipeline_.output(now_)) piece += part;
      if (piece.empty()) return bytes;
      const std::size_t taken = std::min(accepted - bytes.size(), piece.size());
      bytes += piece;
      pipeline_.wrote(taken);
      if (taken < piece.size()) return bytes;
    }
  }
  void answer(std::int64_t value) {
    const Node node{.type = Type::integer, .length = static_cast<std::uint64_t>(value)};
    EXPECT_TRUE(pipeline_.answer(Reply(node, SharedBytes(), nullptr), now_));
  }
  void refuse(std::string_view line) {
    const Node node{.type = Type::error, .length = line.size()};
    EXPECT_TRUE(pipeline_.answer(Reply(node, SharedBytes(), line.data()), now_));
  }
  /// Resumes whoever is ready, and says who, in order.
  std::vector<Call*> resume() {
    resumed_.clear();
    while (Call* call = pipeline_.take_ready()) call->continuation.run();
    return resumed_;
  }
  void lose(bool again = true) { pipeline_.lost(cause_, Pipeline::Blame::nobody, again); }

  const Error cause_{ErrorKind::unavailable, "redis_connection_lost", "The connection was lost."};
  Clock::time_point now_{std::chrono::hours(1)};
  std::vector<Call*> resumed_;
  Pipeline pipeline_{kBounds, "redis://test", Backoff(10ms, 100ms, 1)};
};

const Request kGet("GET", "k");
const Request kIncr("INCR", "n");

TEST_F(PipelineTest, WritesWhatIsQueuedInOnePieceAndMatchesRepliesInOrder) {
  auto first = submit(kGet);
  auto second = submit(kIncr);
  EXPECT_EQ(write(), kGet.wire() + kIncr.wire());
  EXPECT_EQ(write(), "");
  answer(1);
  EXPECT_EQ(resume(), std::vector<Call*>{first.get()});
  answer(2);
  EXPECT_EQ(resume(), std::vector<Call*>{second.get()});
  EXPECT_EQ(first->single->view().integer(), 1);
  EXPECT_EQ(second->single->view().integer(), 2);
  EXPECT_EQ(pipeline_.pending(), 0U);
}

TEST_F(PipelineTest, GoesOnWhereAShortWriteEnded) {
  const std::string large(50'000, 'x');
  const Request big("SET", "k", large);
  auto first = submit(kGet);
  auto second = submit(big);
  auto third = submit(kIncr);
  const std::string whole = kGet.wire() + big.wire() + kIncr.wire();
  std::string sent;
  while (sent.size() < whole.size()) {
    std::string rest;
    for (const auto part : pipeline_.output(now_)) rest += part;
    ASSERT_EQ(sent + rest, whole);
    const std::size_t taken = std::min<std::size_t>(rest.size(), 777);
    sent += rest.substr(0, taken);
    pipeline_.wrote(taken);
  }
  EXPECT_TRUE(pipeline_.output(now_).empty());
}

TEST_F(PipelineTest, DropsTheLateReplyOfACallThatHasExpired) {
  auto late = submit(kGet);
  late->deadline = now_ + 5s;
  auto next = submit(kIncr);
  write();
  now_ += 5s;
  pipeline_.expire(now_, std::nullopt);
  EXPECT_EQ(resume().size(), 2U);
  EXPECT_EQ(late->single.error().kind(), ErrorKind::deadline_exceeded);
  EXPECT_TRUE(late->single.error().outcome_unknown());
  auto after = submit(kGet);
  write();
  answer(1);
  answer(2);
  EXPECT_TRUE(resume().empty());
  answer(3);
  EXPECT_EQ(resume(), std::vector<Call*>{after.get()});
  EXPECT_EQ(after->single->view().integer(), 3);
}

TEST_F(PipelineTest, ExpiresAnUnsentCallWithAKnownOutcomeAndNeverSendsIt) {
  auto call = submit(kIncr);
  now_ += 5s;
  const Error offline(ErrorKind::unavailable, "redis_unavailable", "Away.");
  pipeline_.expire(now_, offline);
  EXPECT_EQ(resume().size(), 1U);
  EXPECT_EQ(call->single.error().code(), "redis_unavailable");
  EXPECT_FALSE(call->single.error().outcome_unknown());
  EXPECT_EQ(write(), "");
}

TEST_F(PipelineTest, CancellingBeforeTheWriteTakesTheCommandBackAndAfterItOnlyTheWait) {
  auto unsent = submit(kIncr);
  pipeline_.cancel(*unsent);
  EXPECT_EQ(write(), "");
  EXPECT_EQ(resume().size(), 1U);
  EXPECT_EQ(unsent->single.error().kind(), ErrorKind::cancelled);
  EXPECT_FALSE(unsent->single.error().outcome_unknown());

  auto sent = submit(kIncr);
  auto other = submit(kGet);
  write();
  pipeline_.cancel(*sent);
  EXPECT_EQ(resume(), std::vector<Call*>{sent.get()});
  EXPECT_TRUE(sent->single.error().outcome_unknown());
  answer(1);
  answer(2);
  EXPECT_EQ(resume(), std::vector<Call*>{other.get()});
  EXPECT_EQ(other->single->view().integer(), 2);
}

TEST_F(PipelineTest, ACallDestroyedAtAnyPointLeavesTheOthersInStep) {
  auto queued = submit(kIncr);
  queued.reset();
  auto in_flight = submit(Request("SET", "k", std::string(20'000, 'x')));
  auto other = submit(kGet);
  std::string seen;
  for (const auto part : pipeline_.output(now_)) seen += part;
  in_flight.reset();  // its bytes are half-way out and must stay
  pipeline_.wrote(100);
  std::string rest;
  for (const auto part : pipeline_.output(now_)) rest += part;
  EXPECT_EQ(rest, seen.substr(100));
  pipeline_.wrote(rest.size());
  answer(1);
  answer(2);
  auto ready = submit(kGet);
  write();
  answer(3);
  ready.reset();
  EXPECT_EQ(resume(), std::vector<Call*>{other.get()});
  EXPECT_EQ(other->single->view().integer(), 2);
}

TEST_F(PipelineTest, AfterALossSendsAgainOnlyWhatWasNotAppliedOrMayBeAppliedTwice) {
  auto written = submit(kIncr);
  auto idempotent = submit(kGet, true);
  auto half = submit(kIncr);
  auto unsent = submit(kIncr);
  write(kIncr.wire().size() + kGet.wire().size() + kIncr.wire().size() - 1);
  lose();
  EXPECT_EQ(resume(), std::vector<Call*>{written.get()});
  EXPECT_TRUE(written->single.error().outcome_unknown());
  EXPECT_EQ(write(), kGet.wire() + kIncr.wire() + kIncr.wire());
  EXPECT_EQ(pipeline_.counters().resent, 1U);
  answer(1);
  answer(2);
  answer(3);
  EXPECT_EQ(resume(), (std::vector<Call*>{idempotent.get(), half.get(), unsent.get()}));
}

TEST_F(PipelineTest, ARequestOfManyKeepsItsAnswersWhenTheConnectionIsLostHalfWay) {
  Request many("INCR", "a");
  many.add("INCR", "b").add("INCR", "c").add("INCR", "d");
  const std::size_t command = many.wire().size() / 4;
  auto call = submit(many);
  write(3 * command + 5);
  answer(1);
  lose();
  ASSERT_EQ(resume().size(), 1U);
  ASSERT_EQ(call->answers.size(), 4U);
  EXPECT_EQ(call->answers[0]->view().integer(), 1);
  EXPECT_TRUE(call->answers[1].error().outcome_unknown());
  EXPECT_TRUE(call->answers[2].error().outcome_unknown());
  EXPECT_FALSE(call->answers[3].error().outcome_unknown());
  EXPECT_EQ(write(), "");
}

TEST_F(PipelineTest, AnIdempotentRequestOfManyGoesOnBehindItsLastAnswer) {
  Request many("GET", "a");
  many.add("GET", "b").add("GET", "c");
  const std::size_t command = many.wire().size() / 3;
  auto call = submit(many, true);
  write();
  answer(1);
  lose();
  EXPECT_TRUE(resume().empty());
  EXPECT_EQ(write(), many.wire().substr(command));
  answer(2);
  lose();
  EXPECT_EQ(write(), many.wire().substr(2 * command));
  answer(3);
  EXPECT_EQ(resume().size(), 1U);
  EXPECT_EQ(call->answers[2]->view().integer(), 3);
}

TEST_F(PipelineTest, AWaitIsNeverSentOnAnotherConnectionThanTheWritesItIsAbout) {
  Request request("SET", "a", "1");
  request.add("SET", "b", "2").add("wait", 1, 100);
  auto safe = submit(request, true);
  auto once = submit(request);
  write();
  for (int i = 0; i < 2; ++i) answer(1);  // of `safe`
  lose();
  EXPECT_EQ(write(), request.wire()) << "whole, with the writes that were answered";
  EXPECT_EQ(resume(), std::vector<Call*>{once.get()}) << "nothing of it had been answered, but it may be applied";
  for (int i = 0; i < 3; ++i) answer(7);
  EXPECT_EQ(resume(), std::vector<Call*>{safe.get()});
  const auto answers = safe->take_answers();
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[2]->view().integer(), 7);
}

TEST_F(PipelineTest, AWaitOfARequestThatIsNotSafeToRepeatEndsWithItsConnection) {
  Request request("SET", "a", "1");
  request.add("WAITAOF", 1, 0, 100);
  auto call = submit(request);
  write(Request("SET", "a", "1").wire().size());  // the wait has not left yet
  answer(1);
  lose();
  EXPECT_EQ(write(), "");
  EXPECT_EQ(resume(), std::vector<Call*>{call.get()});
  const auto answers = call->take_answers();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_TRUE(answers[0]);
  EXPECT_FALSE(answers[1]);
}

TEST_F(PipelineTest, TheCallWhoseReplyEndedTheConnectionIsNotSentAgain) {
  auto poison = submit(kGet, true);
  auto other = submit(kGet, true);
  write();
  pipeline_.lost(cause_, Pipeline::Blame::first, true);
  EXPECT_EQ(resume(), std::vector<Call*>{poison.get()});
  EXPECT_EQ(write(), kGet.wire());
  answer(1);
  EXPECT_EQ(resume(), std::vector<Call*>{other.get()});
}

TEST_F(PipelineTest, WaitsOutAServerThatLoadsItsData) {
  auto call = submit(kIncr);
  write();
  refuse("LOADING Redis is loading the dataset in memory");
  EXPECT_TRUE(resume().empty());
  auto later = submit(kGet);
  const auto again = pipeline_.next_deadline(now_);
  EXPECT_GT(again, now_);
  EXPECT_LE(again, now_ + 11ms);
  EXPECT_EQ(write(), "");
  now_ = again;
  EXPECT_EQ(write(), kIncr.wire() + kGet.wire());
  answer(7);
  answer(8);
  EXPECT_EQ(resume().size(), 2U);
  EXPECT_EQ(call->single->view().integer(), 7);
}

TEST_F(PipelineTest, ACallThatExpiresWhileTheServerLoadsSaysSo) {
  auto call = submit(kIncr);
  write();
  refuse("LOADING Redis is loading the dataset in memory");
  now_ += 6s;
  pipeline_.expire(now_, std::nullopt);
  EXPECT_EQ(resume().size(), 1U);
  EXPECT_EQ(call->single.error().code(), "redis_loading");
  EXPECT_EQ(call->single.error().kind(), ErrorKind::unavailable);
}

TEST_F(PipelineTest, RefusesWhatGoesBeyondItsBounds) {
  std::vector<std::unique_ptr<Call>> calls;
  for (std::size_t i = 0; i < kBounds.max_requests; ++i) calls.push_back(submit(kGet));
  auto refused = make(kGet);
  const auto error = pipeline_.submit(*refused);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::overloaded);
  calls.clear();
  auto large = make(Request("SET", "k", std::string(kBounds.max_bytes, 'x')));
  EXPECT_EQ(pipeline_.submit(*large)->kind(), ErrorKind::overloaded);
  EXPECT_FALSE(pipeline_.submit(*refused));
  EXPECT_EQ(pipeline_.counters().rejected, 2U);
}

TEST_F(PipelineTest, PlacesWithoutAWaiterCountAgainstTheBound) {
  for (std::size_t i = 0; i < kBounds.max_requests; ++i) {
    auto abandoned = submit(kGet);
    write();
  }
  auto call = make(kGet);
  EXPECT_TRUE(pipeline_.submit(*call));
  answer(0);
  EXPECT_FALSE(pipeline_.submit(*call));
}

TEST_F(PipelineTest, EndsEveryCallWhenThereIsNoOtherConnection) {
  auto written = submit(kIncr);
  write();
  auto queued = submit(kIncr, true);
  lose(false);
  EXPECT_EQ(resume().size(), 2U);
  EXPECT_TRUE(written->single.error().outcome_unknown());
  EXPECT_FALSE(queued->single.error().outcome_unknown());
}

TEST_F(PipelineTest, AReplyToNothingIsNoticed) { EXPECT_FALSE(pipeline_.answer(Reply(), now_)); }

TEST_F(PipelineTest, APingGoesAheadAndItsAnswerIsDropped) {
  auto call = submit(kGet);
  pipeline_.ping();
  EXPECT_EQ(write(), "*1\r\n$4\r\nPING\r\n" + kGet.wire());
  answer(0);
  answer(1);
  EXPECT_EQ(resume(), std::vector<Call*>{call.get()});
  EXPECT_EQ(call->single->view().integer(), 1);
}

TEST_F(PipelineTest, WhatIsThrownAwayWithThePipelineIsNotRun) {
  auto pipeline = std::make_unique<Pipeline>(kBounds, "redis://test", Backoff(10ms, 100ms, 1));
  auto queued = make(kGet);
  auto in_flight = make(kGet);
  EXPECT_FALSE(pipeline->submit(*in_flight));
  pipeline->output(now_);
  EXPECT_FALSE(pipeline->submit(*queued));
  pipeline.reset();
  EXPECT_FALSE(queued->continuation);
  EXPECT_FALSE(in_flight->continuation);
  EXPECT_TRUE(resumed_.empty());
}

// Whatever happens in whatever order, a call is resumed once, gets its own answers, and is never on the wire twice
// unless it may be.
TEST_F(PipelineTest, HoldsItsPromisesUnderAnySequenceOfEvents) {
  const char* given = std::getenv("INKWELL_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device()();
  SCOPED_TRACE("INKWELL_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  struct Tracked {
    std::unique_ptr<Call> call;
    int sent = 0;
    bool done = false;
  };
  std::vector<Tracked> tracked;
  std::deque<std::size_t> wire;  // what the "server" has read and not answered: index of the call
  std::string partial;
  const auto read_by_server = [&](std::string_view bytes) {
    partial += bytes;
    for (auto end = partial.find("END\r\n"); end != std::string::npos; end = partial.find("END\r\n")) {
      const std::string command = partial.substr(0, end + 5);
      const auto id = std::stoull(command.substr(command.find("ID") + 2));
      ++tracked[id].sent;
      wire.push_back(id);
      partial.erase(0, end + 5);
    }
  };
  for (int step = 0; step < 20'000; ++step) {
    switch (random() % 10) {
      case 0:
      case 1:
      case 2: {
        if (pipeline_.pending() >= 90) break;
        const std::size_t id = tracked.size();
        const Request request("ECHO", "ID" + std::to_string(id) + " " + std::string(random() % 20 == 0 ? 9000 : 3, '.'),
                              "END");
        tracked.push_back({submit(request, random() % 2 == 0)});
        break;
      }
      case 3:
      case 4:
      case 5: {
        std::string bytes;
        for (const auto part : pipeline_.output(now_)) bytes += part;
        const std::size_t taken = random() % 4 == 0 ? random() % (bytes.size() + 1) : bytes.size();
        pipeline_.wrote(taken);
        read_by_server(std::string_view(bytes).substr(0, taken));
        break;
      }
      case 6:
      case 7:
      case 8:
        if (!wire.empty()) {
          answer(static_cast<std::int64_t>(wire.front()));
          wire.pop_front();
        }
        break;
      default:
        if (random() % 10 == 0) {
          lose();
          wire.clear();
          partial.clear();
        } else if (!tracked.empty()) {
          Tracked& any = tracked[random() % tracked.size()];
          if (!any.done) pipeline_.cancel(*any.call);
        }
    }
    for (Call* call : resume()) {
      auto it = std::ranges::find(tracked, call, [](const Tracked& t) { return t.call.get(); });
      ASSERT_FALSE(it->done);
      it->done = true;
      if (call->single) {
        ASSERT_EQ(call->single->view().integer(), it - tracked.begin());
      } else if (!call->single.error().outcome_unknown()) {
        ASSERT_EQ(it->sent, 0);
      }
      ASSERT_TRUE(call->idempotent || it->sent <= 1);
    }
  }
}

}  // namespace
}  // namespace inkwell::redis::link

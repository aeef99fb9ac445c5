// The rule by which inputs become batches, step by step.
#include "embeddings/batch_queue.hpp"

#include <gtest/gtest.h>

namespace inkwell::embeddings {
namespace {

using namespace std::chrono_literals;
using Queue = BatchQueue<int>;
using Batch = std::vector<int>;

const Queue::Clock::time_point kStart{};

BatchLimits limits() {
  BatchLimits some;
  some.inputs = 3;
  some.tokens = 100;
  some.at_once = 2;
  return some;
}

TEST(BatchQueue, SendsALoneInputAtOnceWhileNothingRuns) {
  Queue queue(limits());
  EXPECT_FALSE(queue.take(0, kStart));
  queue.add(1, 10, kStart);
  EXPECT_EQ(queue.take(0, kStart), Batch{1});
  EXPECT_FALSE(queue.take(0, kStart));
}

TEST(BatchQueue, WaitsForMoreOnlyWhileSomethingRunsAndOnlyForTheWindow) {
  Queue queue(limits());
  queue.add(1, 10, kStart);
  queue.add(2, 10, kStart + 1ms);
  EXPECT_FALSE(queue.take(1, kStart + 1ms));
  EXPECT_EQ(queue.due(), kStart + 2ms) << "counted from the oldest";
  EXPECT_EQ(queue.take(1, kStart + 2ms), (Batch{1, 2}));
  EXPECT_EQ(queue.due(), Queue::Clock::time_point::max());
}

TEST(BatchQueue, AFullBatchWaitsForNothing) {
  Queue queue(limits());
  for (int i = 1; i <= 4; ++i) queue.add(i, 10, kStart);
  EXPECT_EQ(queue.take(1, kStart), (Batch{1, 2, 3}));
  EXPECT_FALSE(queue.take(1, kStart));
  EXPECT_EQ(queue.take(0, kStart), Batch{4});
}

TEST(BatchQueue, TokensFillABatchToo) {
  Queue queue(limits());
  queue.add(1, 60, kStart);
  queue.add(2, 60, kStart);
  queue.add(3, 500, kStart);
  EXPECT_EQ(queue.take(1, kStart), Batch{1});
  EXPECT_EQ(queue.take(1, kStart), Batch{2});
  EXPECT_EQ(queue.take(1, kStart), Batch{3}) << "one input may have more than a batch";
  EXPECT_TRUE(queue.empty());
}

TEST(BatchQueue, SendsNothingBeyondTheCallsAllowed) {
  Queue queue(limits());
  for (int i = 1; i <= 3; ++i) queue.add(i, 10, kStart);
  EXPECT_FALSE(queue.take(2, kStart + 1h));
  EXPECT_EQ(queue.take(1, kStart + 1h), (Batch{1, 2, 3}));
}

}  // namespace
}  // namespace inkwell::embeddings

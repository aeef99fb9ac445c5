// redis-plus-plus, from a checkout (INKWELL_BENCH_REDIS_PLUS_PLUS): its pipeline, as deep as there are callers; a plain
// GET with one.
#include <sw/redis++/redis++.h>

#include "redis/measure.hpp"

namespace inkwell::redis::bench {

Measured measure_redis_plus_plus(const Task& task) {
  sw::redis::ConnectionOptions options;
  options.host = task.endpoint.host;
  options.port = task.endpoint.port;
  sw::redis::Redis redis(options);
  Stopwatch watch(task.seconds);
  auto pipeline = redis.pipeline(false);
  for (bool more = true; more;) {
    const auto before = Clock::now();
    if (task.callers == 1) {
      const auto value = redis.get(task.key);
      if (!value || value->size() != task.size) give_up("redis-plus-plus answered wrongly");
      watch.took(Clock::now() - before);
      more = watch.more();
      continue;
    }
    for (std::size_t i = 0; i < task.callers; ++i) pipeline.get(task.key);
    auto answers = pipeline.exec();
    for (std::size_t i = 0; i < task.callers; ++i) {
      const auto value = answers.get<sw::redis::OptionalString>(i);
      if (!value || value->size() != task.size) give_up("redis-plus-plus answered wrongly");
      if (i % kTimedEvery == 0) watch.took(Clock::now() - before);
      more = watch.more();
    }
  }
  return watch.result();
}

}  // namespace inkwell::redis::bench

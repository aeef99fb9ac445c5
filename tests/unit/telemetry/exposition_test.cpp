#include "telemetry/exposition.hpp"

#include <gtest/gtest.h>

namespace inkwell::telemetry {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Exposition, WritesEachFamilyOnceWithItsSamples) {
  Exposition out;
  out.counter("x_total", "Xs.", 3, {{"route", "/a"}});
  out.gauge("y", "Ys.", 1);
  out.counter("x_total", "Xs.", 4, {{"route", "/b"}});
  const auto text = out.text();
  EXPECT_TRUE(has_line(text, "# TYPE x_total counter"));
  EXPECT_TRUE(has_line(text, "x_total{route=\"/a\"} 3"));
  EXPECT_TRUE(has_line(text, "x_total{route=\"/b\"} 4"));
  EXPECT_TRUE(has_line(text, "y 1"));
  EXPECT_EQ(text.find("# TYPE x_total"), text.rfind("# TYPE x_total"));
}

TEST(Exposition, HistogramBucketsAreCumulativeAndEndInInfinity) {
  Histogram histogram;
  histogram.observe(std::chrono::microseconds(50));
  histogram.observe(std::chrono::microseconds(100));
  histogram.observe(std::chrono::milliseconds(2));
  histogram.observe(std::chrono::minutes(1));
  Histogram::Snapshot snapshot;
  histogram.add_to(snapshot);
  Exposition out;
  out.histogram("d_seconds", "Ds.", snapshot);
  const auto text = out.text();
  EXPECT_TRUE(has_line(text, "d_seconds_count 4"));
  EXPECT_TRUE(has_line(text, "d_seconds_bucket{le=\"0.0001\"} 2")) << text;
  EXPECT_TRUE(has_line(text, "d_seconds_bucket{le=\"0.0025\"} 3")) << text;
  EXPECT_TRUE(has_line(text, "d_seconds_bucket{le=\"10\"} 3")) << text;
  EXPECT_TRUE(has_line(text, "d_seconds_bucket{le=\"+Inf\"} 4")) << text;
}

TEST(Exposition, LabelValuesAreEscaped) {
  Exposition out;
  out.gauge("g", "G.", 1, {{"v", "a\"b\\c\nd"}});
  EXPECT_TRUE(has_line(out.text(), R"(g{v="a\"b\\c\nd"} 1)")) << out.text();
}

}  // namespace
}  // namespace inkwell::telemetry

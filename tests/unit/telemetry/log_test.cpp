#include "telemetry/log.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>
#include <sstream>

namespace inkwell::telemetry {
namespace {

TEST(Log, WritesTextForPeople) {
  EXPECT_EQ(format_line(Format::text, "T", Level::warn, "redis",
                        {{"detail", "lost it"}, {"worker", std::int64_t{3}}, {"ms", 1.25}, {"id", "a-b"}}),
            R"(T warn  redis detail="lost it" worker=3 ms=1.250 id=a-b)");
}

TEST(Log, WritesJsonForMachines) {
  const auto line =
      format_line(Format::json, "T", Level::info, "request", {{"route", "/v1/x"}, {"status", std::int64_t{200}}});
  const auto object = boost::json::parse(line).as_object();
  EXPECT_EQ(object.at("time").as_string(), "T");
  EXPECT_EQ(object.at("level").as_string(), "info");
  EXPECT_EQ(object.at("message").as_string(), "request");
  EXPECT_EQ(object.at("route").as_string(), "/v1/x");
  EXPECT_EQ(object.at("status").as_int64(), 200);
}

TEST(Log, OneOccurrenceIsOneLineWhateverAClientSent) {
  for (const auto format : {Format::text, Format::json}) {
    const auto line = format_line(format, "T", Level::info, "m", {{"x", "a\nlevel=error\r\x1b[31m\"=\\"}});
    for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20U);
  }
}

TEST(Log, WritesOnlyWhatItsLevelLetsThrough) {
  std::ostringstream out;
  LogOptions options;
  options.level = Level::warn;
  Log log(options, &out);
  log.write(Level::info, "quiet");
  log.write(Level::error, "loud");
  EXPECT_FALSE(log.enabled(Level::info));
  EXPECT_EQ(out.str().find("quiet"), std::string::npos);
  EXPECT_NE(out.str().find(" error loud\n"), std::string::npos);
}

TEST(Log, KnowsItsLevelsAndFormatsByName) {
  EXPECT_EQ(*parse_level("debug"), Level::debug);
  EXPECT_EQ(*parse_level("off"), Level::off);
  EXPECT_FALSE(parse_level("verbose"));
  EXPECT_EQ(*parse_format("json"), Format::json);
  EXPECT_FALSE(parse_format("xml"));
}

}  // namespace
}  // namespace inkwell::telemetry

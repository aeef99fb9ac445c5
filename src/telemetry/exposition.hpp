// Exposition: numbers in, Prometheus text out (https://prometheus.io/docs/instrumenting/exposition_formats/). A value,
// filled anew for each scrape on one thread; prometheus-cpp does the writing.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "telemetry/counter.hpp"

namespace inkwell::telemetry {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Exposition {
 public:
  Exposition();
  Exposition(const Exposition&) = delete;
  Exposition& operator=(const Exposition&) = delete;
  ~Exposition();

  /// The first sample of a name makes its family, with that `help`; later ones join it.
  void counter(std::string_view name, std::string_view help, double value, Labels labels = {});
  void gauge(std::string_view name, std::string_view help, double value, Labels labels = {});
  void histogram(std::string_view name, std::string_view help, const Histogram::Snapshot& value, Labels labels = {});

  /// Everything added so far; families in the order they were first named.
  std::string text() const;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace inkwell::telemetry

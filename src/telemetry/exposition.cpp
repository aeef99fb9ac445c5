#include "telemetry/exposition.hpp"

#include <limits>
#include <map>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace inkwell::telemetry {
namespace {

std::vector<prometheus::ClientMetric::Label> to_labels(Labels labels) {
  std::vector<prometheus::ClientMetric::Label> out;
  out.reserve(labels.size());
  for (auto& [name, value] : labels) out.push_back({std::move(name), std::move(value)});
  return out;
}

}  // namespace

struct Exposition::Families final : prometheus::Collectable {
  std::vector<prometheus::MetricFamily> Collect() const override { return families; }

  prometheus::ClientMetric& sample(std::string_view name, std::string_view help, prometheus::MetricType type,
                                   Labels labels) {
    const auto [place, is_new] = index.try_emplace(std::string(name), families.size());
    if (is_new) families.push_back({std::string(name), std::string(help), type, {}});
    auto& metric = families[place->second].metric.emplace_back();
    metric.label = to_labels(std::move(labels));
    return metric;
  }

  std::vector<prometheus::MetricFamily> families;
  std::map<std::string, std::size_t, std::less<>> index;
};

Exposition::Exposition() : families_(std::make_unique<Families>()) {}
Exposition::~Exposition() = default;

void Exposition::counter(std::string_view name, std::string_view help, double value, Labels labels) {
  families_->sample(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = value;
}

void Exposition::gauge(std::string_view name, std::string_view help, double value, Labels labels) {
  families_->sample(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
}

void Exposition::histogram(std::string_view name, std::string_view help, const Histogram::Snapshot& value,
                           Labels labels) {
  auto& out = families_->sample(name, help, prometheus::MetricType::Histogram, std::move(labels)).histogram;
  out.sample_count = value.count;
  out.sample_sum = value.sum_seconds;
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < value.buckets.size(); ++i) {
    cumulative += value.buckets[i];
    const bool last = i == Histogram::kBoundsSeconds.size();
    out.bucket.push_back({cumulative, last ? std::numeric_limits<double>::infinity() : Histogram::kBoundsSeconds[i]});
  }
}

std::string Exposition::text() const { return prometheus::TextSerializer().Serialize(families_->Collect()); }

}  // namespace inkwell::telemetry

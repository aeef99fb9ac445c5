// Every integration test ends with this: nothing in the keyspace breaks its family's policy.
#pragma once

#include <gtest/gtest.h>
#include <string>

#include "keyspace/audit.hpp"
#include "support/loop.hpp"
#include "support/redis_server.hpp"

namespace inkwell::test {

inline asio::awaitable<Result<keyspace::AuditReport>> audited(redis::Client& client, keyspace::AuditOptions options) {
  auto report = co_await keyspace::audit(client, std::move(options));
  co_await client.close();
  co_return report;
}

/// Audits whatever listens at `endpoint`; a finding, or a failure to look, fails the test. Returns the report.
inline keyspace::AuditReport expect_clean_audit(const redis::Endpoint& endpoint, keyspace::AuditOptions options = {}) {
  asio::io_context io{1};
  redis::Options link;
  link.endpoint = endpoint;
  redis::Client client(io.get_executor(), link);
  auto report = run_on(io, audited(client, std::move(options)));
  if (!report) {
    ADD_FAILURE() << "the audit failed: " << report.error().to_string();
    return {};
  }
  for (const auto& finding : report->findings) ADD_FAILURE() << finding.key << " " << finding.problem;
  return std::move(*report);
}

inline keyspace::AuditReport expect_clean_audit(const RedisServer& server, keyspace::AuditOptions options = {}) {
  return expect_clean_audit(server.endpoint(), std::move(options));
}

}  // namespace inkwell::test

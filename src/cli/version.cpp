#include "cli/version.hpp"

#include <boost/version.hpp>
#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include "cli/build_info.hpp"

namespace inkwell::cli {
namespace {

std::string build_line() {
  if (kSanitizers.empty()) return fmt::format("{}, {}", kBuildType, kCompiler);
  return fmt::format("{}, {}, sanitizers {}", kBuildType, kCompiler, kSanitizers);
}

}  // namespace

std::string_view version() noexcept { return kVersion; }

std::string version_text() {
  return fmt::format("inkwell {}\nbuild: {}\nboost: {}.{}.{}\nopenssl: {}\nlibcurl: {}\n", kVersion, build_line(),
                     BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100,
                     OpenSSL_version(OPENSSL_VERSION_STRING), curl_version_info(CURLVERSION_NOW)->version);
}

}  // namespace inkwell::cli

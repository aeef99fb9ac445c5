#include "support/certificates.hpp"

#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>

namespace inkwell::test {
namespace {

void run(const std::string& command) {
  if (std::system((command + " >/dev/null 2>&1").c_str()) != 0) throw std::runtime_error("failed: " + command);
}

}  // namespace

Certificates::Certificates() {
  std::string pattern = (std::filesystem::temp_directory_path() / "inkwell-tls-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
  directory_ = pattern;
  run(fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Test Authority' "
      "-keyout {} -out {}",
      path("ca.key"), ca()));
  sign("server", "DNS:localhost,IP:127.0.0.1");
}

Certificates::~Certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Certificates::sign(const std::string& name, const std::string& alternative, int days) {
  run(fmt::format("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={} -keyout {} -out {}",
                  name, key(name), path(name + ".csr")));
  std::ofstream(path(name + ".ext")) << "subjectAltName=" << alternative << "\n";
  run(fmt::format("openssl x509 -req -in {} -CA {} -CAkey {} -CAcreateserial -extfile {} -days {} -out {}",
                  path(name + ".csr"), ca(), path("ca.key"), path(name + ".ext"), days, certificate(name)));
}

}  // namespace inkwell::test

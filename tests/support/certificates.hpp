// A certificate authority of its own for a test, and what it signs: PEM files made by openssl(1) in a temporary
// directory, removed with it.
#pragma once

#include <filesystem>
#include <string>

namespace inkwell::test {

class Certificates {
 public:
  /// Throws when openssl fails. Makes ca.crt, and a certificate `server` for localhost and 127.0.0.1.
  Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates();

  /// NAME.crt and NAME.key, signed by the authority, for `alternative` ("DNS:redis.test"), valid for `days` from now
  /// (negative: it ended so long ago).
  void sign(const std::string& name, const std::string& alternative, int days = 1);

  std::string ca() const { return path("ca.crt"); }
  std::string certificate(const std::string& name) const { return path(name + ".crt"); }
  std::string key(const std::string& name) const { return path(name + ".key"); }

 private:
  std::string path(const std::string& file) const { return (directory_ / file).string(); }
  std::filesystem::path directory_;
};

}  // namespace inkwell::test

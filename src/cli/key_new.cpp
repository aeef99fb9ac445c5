#include "cli/key_new.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ostream>

#include "base/random.hpp"
#include "cli/exit_code.hpp"
#include "config/access_file.hpp"
#include "config/quote.hpp"
#include "server/auth.hpp"

namespace inkwell::cli {
namespace {

constexpr std::size_t kKeyBytes = 32;  // far beyond guessing, so that a plain hash protects it

}  // namespace

int key_new(const std::string& tenant, std::ostream& out, std::ostream& err) {
  if (!config::is_tenant_name(tenant)) {
    err << "inkwell: --tenant: " << config::quote(tenant)
        << " can't name a tenant. It takes 1 to 256 letters, digits, '-', '_' and '.'.\n";
    return kUsage;
  }
  const std::string key = "ink_" + random_hex(kKeyBytes);
  out << fmt::format(
             "{}\n\n# The key is shown this once. What follows is its entry in the file that auth.keys_file names.\n"
             "[[keys]]\nid = \"k-{}\"\nsha256 = \"{:02x}\"\ntenant = \"{}\"\n",
             key, random_hex(4), fmt::join(server::key_digest_of(key), ""), tenant)
      << std::flush;
  return kOk;
}

}  // namespace inkwell::cli

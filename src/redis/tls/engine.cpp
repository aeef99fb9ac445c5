#include "redis/tls/engine.hpp"

#include <boost/asio/ip/address.hpp>
#include <climits>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace inkwell::redis::tls {
namespace {

constexpr std::size_t kBuffer = std::size_t{64} << 10;  // each way; a TLS record is at most 16 KiB and a little

struct Free {
  void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
  void operator()(SSL* ssl) const noexcept { ::SSL_free(ssl); }
};
using Context = std::unique_ptr<SSL_CTX, Free>;

std::string openssl_reason() {
  const auto code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* const text = code != 0 ? ::ERR_reason_error_string(code) : nullptr;
  return text != nullptr ? text : "unknown error";
}

std::unexpected<Error> unusable(const std::string& what, std::string remedy) {
  return fail(ErrorKind::invalid_argument, "redis_tls", what + ": " + openssl_reason() + ".", std::move(remedy));
}

Result<void> load_files(SSL_CTX* context, const Tls& tls) {
  if (tls.ca_file.empty()) {
    ::SSL_CTX_set_default_verify_paths(context);
  } else if (::SSL_CTX_load_verify_locations(context, tls.ca_file.c_str(), nullptr) != 1) {
    return unusable("Cannot use the authorities' file " + tls.ca_file, "Name a PEM file of certificates.");
  }
  if (tls.cert_file.empty()) return {};
  if (::SSL_CTX_use_certificate_chain_file(context, tls.cert_file.c_str()) != 1)
    return unusable("Cannot use the client certificate " + tls.cert_file, "Name a PEM file of a certificate chain.");
  if (::SSL_CTX_use_PrivateKey_file(context, tls.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return unusable("Cannot use the private key " + tls.key_file, "Name the PEM file of the certificate's key.");
  return {};
}

// The name or the address that the certificate must be for; names also tell the server which of its own to show.
void name_the_server(SSL* ssl, const std::string& name, bool verify) {
  boost::system::error_code not_numeric;
  boost::asio::ip::make_address(name, not_numeric);
  std::string sni = name;  // the macro for this is no C++
  if (not_numeric) ::SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, sni.data());
  if (!verify) return;
  if (not_numeric) {
    ::SSL_set1_host(ssl, name.c_str());
  } else {
    ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl), name.c_str());
  }
}

int size_for_openssl(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(const Tls& tls, const std::string& host) {
  ::ERR_clear_error();
  const Context context(::SSL_CTX_new(::TLS_client_method()));
  if (!context) return unusable("Cannot use TLS", {});
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_verify(context.get(), tls.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  auto loaded = load_files(context.get(), tls);
  if (!loaded) return std::unexpected(loaded.error());
  SSL* const ssl = ::SSL_new(context.get());
  BIO* session = nullptr;
  BIO* network = nullptr;
  if (ssl == nullptr || ::BIO_new_bio_pair(&session, kBuffer, &network, kBuffer) != 1) {
    ::SSL_free(ssl);
    return unusable("Cannot use TLS", {});
  }
  ::SSL_set_bio(ssl, session, session);
  ::SSL_set_connect_state(ssl);
  name_the_server(ssl, tls.server_name.empty() ? host : tls.server_name, tls.verify);
  return std::unique_ptr<Engine>(new Engine(ssl, network));
}

Engine::~Engine() {
  ::SSL_free(ssl_);
  ::BIO_free(network_);
}

Engine::Step Engine::fail() {
  const long verified = ::SSL_get_verify_result(ssl_);
  if (verified != X509_V_OK && ::SSL_get_verify_mode(ssl_) != SSL_VERIFY_NONE && !::SSL_is_init_finished(ssl_)) {
    why_ = std::string("its certificate is not accepted: ") + ::X509_verify_cert_error_string(verified);
    ::ERR_clear_error();
  } else {
    why_ = "TLS failed: " + openssl_reason();
  }
  return Step::failed;
}

Engine::Step Engine::handshake() {
  ::ERR_clear_error();
  const int done = ::SSL_do_handshake(ssl_);
  if (done == 1) return Step::done;
  const int error = ::SSL_get_error(ssl_, done);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Step::more : fail();
}

std::span<char> Engine::input_room() noexcept {
  char* room = nullptr;
  const int size = ::BIO_nwrite0(network_, &room);
  return size > 0 ? std::span<char>(room, static_cast<std::size_t>(size)) : std::span<char>();
}

void Engine::input_arrived(std::size_t bytes) noexcept {
  char* ignored = nullptr;
  ::BIO_nwrite(network_, &ignored, size_for_openssl(bytes));
}

Engine::Step Engine::read(std::span<char> room, std::size_t& bytes) {
  ::ERR_clear_error();
  bytes = 0;
  const int done = ::SSL_read(ssl_, room.data(), size_for_openssl(room.size()));
  if (done > 0) {
    bytes = static_cast<std::size_t>(done);
    return Step::done;
  }
  const int error = ::SSL_get_error(ssl_, done);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Step::more;
  if (error == SSL_ERROR_ZERO_RETURN) {
    why_ = "the server ended the TLS session";
    return Step::failed;
  }
  return fail();
}

std::size_t Engine::write(std::string_view plaintext) {
  std::size_t taken = 0;
  while (taken < plaintext.size()) {
    ::ERR_clear_error();
    const auto rest = plaintext.substr(taken);
    const int done = ::SSL_write(ssl_, rest.data(), size_for_openssl(rest.size()));
    if (done <= 0) break;  // no room; a broken session is found by the reader
    taken += static_cast<std::size_t>(done);
  }
  return taken;
}

std::string_view Engine::output() noexcept {
  char* data = nullptr;
  const int size = ::BIO_nread0(network_, &data);
  return size > 0 ? std::string_view(data, static_cast<std::size_t>(size)) : std::string_view();
}

void Engine::output_sent(std::size_t bytes) noexcept {
  char* ignored = nullptr;
  ::BIO_nread(network_, &ignored, size_for_openssl(bytes));
}

}  // namespace inkwell::redis::tls

#include "actors/gateway/openssl_handles.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <array>

namespace understudy::openssl {

namespace {

bio reading(std::string_view text) {
  return bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string content(BIO* sink) {
  char* data = nullptr;
  auto size = BIO_get_mem_data(sink, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

/// Without it OpenSSL asks for a passphrase on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

} // namespace

std::string last_error() {
  std::string text = "no reason given";
  std::array<char, 256> line{};
  // The oldest entry is the cause.
  if (auto code = ERR_get_error()) {
    ERR_error_string_n(code, line.data(), line.size());
    text = line.data();
  }
  ERR_clear_error();
  return text;
}

result<std::vector<certificate>> read_certificates(std::string_view pem) {
  auto source = reading(pem);
  std::vector<certificate> all;
  while (auto* next = PEM_read_bio_X509(source.get(), nullptr, no_passphrase, nullptr))
    all.emplace_back(next);
  auto reason = last_error(); // the end of the text is an error too
  if (all.empty())
    return failure(fmt::format("no certificate in PEM form ({})", reason));
  return all;
}

result<key> read_key(std::string_view pem) {
  auto source = reading(pem);
  key found(PEM_read_bio_PrivateKey(source.get(), nullptr, no_passphrase, nullptr));
  auto reason = last_error();
  if (!found)
    return failure(fmt::format("no private key in PEM form without a passphrase ({})", reason));
  return found;
}

result<store> make_store(const std::vector<certificate>& authorities) {
  store trusted(X509_STORE_new());
  for (const auto& authority : authorities)
    if (X509_STORE_add_cert(trusted.get(), authority.get()) != 1)
      return failure(fmt::format("the CA's certificate can't be used: {}", last_error()));
  return trusted;
}

result<void> verify_chain(X509_STORE* trusted, const std::vector<certificate>& chain, std::int64_t when) {
  store_context context(X509_STORE_CTX_new());
  // Borrows the certificates: only the stack itself is freed. sk_X509_free is a macro, hence the lambda.
  auto release = [](STACK_OF(X509) * stack) { sk_X509_free(stack); };
  std::unique_ptr<STACK_OF(X509), decltype(release)> between(sk_X509_new_null());
  for (std::size_t i = 1; i < chain.size(); ++i)
    sk_X509_push(between.get(), chain[i].get());
  if (X509_STORE_CTX_init(context.get(), trusted, chain.front().get(), between.get()) != 1)
    return failure(last_error());
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<time_t>(when));
  bool fits = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  if (!fits)
    return failure(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
  return {};
}

std::string common_name(const X509* certificate) {
  constexpr int longest = 64; // X.520: ub-common-name
  std::array<char, longest + 1> text{};
  auto size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(),
                                        static_cast<int>(text.size()));
  ERR_clear_error();
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

std::string write_pem(X509* certificate) {
  bio sink(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(sink.get(), certificate);
  return content(sink.get());
}

std::string write_pem(EVP_PKEY* key) {
  bio sink(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(sink.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return content(sink.get());
}

} // namespace understudy::openssl

// OpenSSL's objects with owners, and PEM texts turned into them.
#pragma once
#include "events/model/error.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::openssl {

template <auto Free>
struct deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using key = std::unique_ptr<EVP_PKEY, deleter<EVP_PKEY_free>>;
using digest = std::unique_ptr<EVP_MD_CTX, deleter<EVP_MD_CTX_free>>;
using certificate = std::unique_ptr<X509, deleter<X509_free>>;
using store = std::unique_ptr<X509_STORE, deleter<X509_STORE_free>>;
using store_context = std::unique_ptr<X509_STORE_CTX, deleter<X509_STORE_CTX_free>>;
using bio = std::unique_ptr<BIO, deleter<BIO_free_all>>;

/// OpenSSL's error queue belongs to the thread: what is left in it would be taken for an error of the next
/// TLS call on that thread. Every function here that may fail leaves it empty.
std::string last_error();

/// All certificates of a PEM text, at least one; the first is the leaf.
result<std::vector<certificate>> read_certificates(std::string_view pem);
/// A private key without a passphrase.
result<key> read_key(std::string_view pem);
/// A store that trusts `authorities`.
result<store> make_store(const std::vector<certificate>& authorities);
/// Whether `leaf` (with the others of `chain` between) was issued by an authority of `trusted` and is valid
/// at `when` (s since 1970).
result<void> verify_chain(X509_STORE* trusted, const std::vector<certificate>& chain, std::int64_t when);
/// The subject's common name, or an empty text.
std::string common_name(const X509* certificate);

std::string write_pem(X509* certificate);
std::string write_pem(EVP_PKEY* key);

} // namespace understudy::openssl

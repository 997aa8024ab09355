// Requests are signed by their sender's certificate key, and checked against the CA (pure but for OpenSSL).
#pragma once
#include "actors/gateway/messages.hpp"
#include "events/model/error.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace understudy {

/// The bytes under the signature: a fixed prefix, then each field with its length, so that no two requests
/// share them.
std::string signed_bytes(const request& r);

/// Signs with one certificate. May be used from one thread at a time.
class request_signer {
public:
  /// PEM texts. Errors: not PEM, a key with a passphrase, a key that isn't the certificate's.
  static result<request_signer> make(std::string certificate_pem, std::string_view key_pem);
  /// A request for `node` at wall time `now_ms`, with a fresh nonce.
  result<request> sign(std::string command, std::string node, std::int64_t now_ms) const;

private:
  struct material;
  explicit request_signer(std::shared_ptr<const material> held)
      : held_(std::move(held)) {}
  std::shared_ptr<const material> held_;
};

/// Checks requests against one CA. Immutable: may be used from any thread.
class request_verifier {
public:
  /// `ca_pem`: one or more CA certificates.
  static result<request_verifier> make(std::string_view ca_pem);
  /// Version, sizes, node, time window, certificate (its chain and validity at `now_ms`) and signature; the
  /// nonce is the replay guard's business. Errors say what is wrong in words that the sender may see.
  result<caller> verify(const request& r, std::string_view node, std::int64_t now_ms) const;

private:
  struct material;
  explicit request_verifier(std::shared_ptr<const material> held)
      : held_(std::move(held)) {}
  std::shared_ptr<const material> held_;
};

} // namespace understudy

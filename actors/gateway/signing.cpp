#include "actors/gateway/signing.hpp"

#include "actors/gateway/openssl_handles.hpp"

#include <openssl/err.h>
#include <openssl/rand.h>

namespace understudy {

struct request_signer::material {
  std::string certificate_pem;
  openssl::key key;
};

struct request_verifier::material {
  openssl::store trusted;
};

namespace {

void append_number(std::string& bytes, std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8)
    bytes += static_cast<char>((number >> shift) & 0xff);
}

void append_field(std::string& bytes, std::string_view field) {
  append_number(bytes, field.size());
  bytes += field;
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// The digest that `key` signs with: Ed25519 and Ed448 have their own.
const EVP_MD* digest_of(EVP_PKEY* key) {
  auto kind = EVP_PKEY_get_base_id(key);
  return kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448 ? nullptr : EVP_sha256();
}

} // namespace

std::string signed_bytes(const request& r) {
  std::string bytes = "understudy request";
  bytes.reserve(bytes.size() + r.command.size() + r.certificate.size() + 256);
  append_number(bytes, r.version);
  append_field(bytes, r.command);
  append_field(bytes, r.certificate);
  append_field(bytes, r.node);
  append_number(bytes, static_cast<std::uint64_t>(r.time_ms));
  append_field(bytes, r.nonce);
  return bytes;
}

result<request_signer> request_signer::make(std::string certificate_pem, std::string_view key_pem) {
  auto chain = openssl::read_certificates(certificate_pem);
  if (!chain)
    return tl::make_unexpected(chain.error());
  auto key = openssl::read_key(key_pem);
  if (!key)
    return tl::make_unexpected(key.error());
  bool belongs = X509_check_private_key(chain->front().get(), key->get()) == 1;
  ERR_clear_error();
  if (!belongs)
    return failure("the private key isn't the certificate's");
  return request_signer(
      std::make_shared<const material>(material{std::move(certificate_pem), std::move(*key)}));
}

result<request> request_signer::sign(std::string command, std::string node, std::int64_t now_ms) const {
  request r;
  r.command = std::move(command);
  r.certificate = held_->certificate_pem;
  r.node = std::move(node);
  r.time_ms = now_ms;
  r.nonce.resize(nonce_bytes);
  if (RAND_bytes(reinterpret_cast<unsigned char*>(r.nonce.data()), static_cast<int>(nonce_bytes)) != 1)
    return failure(fmt::format("no random numbers to be had: {}", openssl::last_error()));
  auto bytes = signed_bytes(r);
  openssl::digest digest(EVP_MD_CTX_new());
  auto* key = held_->key.get();
  std::size_t size = 0;
  if (EVP_DigestSignInit(digest.get(), nullptr, digest_of(key), nullptr, key) != 1 ||
      EVP_DigestSign(digest.get(), nullptr, &size, raw(bytes), bytes.size()) != 1)
    return failure(fmt::format("can't sign the request: {}", openssl::last_error()));
  r.signature.resize(size);
  if (EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(r.signature.data()), &size, raw(bytes),
                     bytes.size()) != 1)
    return failure(fmt::format("can't sign the request: {}", openssl::last_error()));
  r.signature.resize(size);
  return r;
}

result<request_verifier> request_verifier::make(std::string_view ca_pem) {
  auto authorities = openssl::read_certificates(ca_pem);
  if (!authorities)
    return tl::make_unexpected(authorities.error());
  auto trusted = openssl::make_store(*authorities);
  if (!trusted)
    return tl::make_unexpected(trusted.error());
  return request_verifier(std::make_shared<const material>(material{std::move(*trusted)}));
}

result<caller> request_verifier::verify(const request& r, std::string_view node, std::int64_t now_ms) const {
  if (r.version != gateway_protocol_version)
    return failure(fmt::format("the node speaks version {} of the gateway's protocol, the request is of {}",
                               gateway_protocol_version, r.version),
                   "install the same version of understudy on both sides");
  if (r.command.size() > largest_command_bytes || r.certificate.size() > largest_certificate_bytes)
    return failure(fmt::format("the request is larger than {} bytes", largest_command_bytes),
                   "name fewer accounts at once");
  if (r.node != node)
    return failure("the request was signed for another node", "connect to that node");
  // Not std::abs of the difference: a hostile time must not overflow.
  if (r.time_ms < now_ms - request_window_ms || r.time_ms > now_ms + request_window_ms)
    return failure("the request's time differs from the node's clock by more than two minutes",
                   "set the clocks of both machines (NTP)");
  if (r.nonce.size() != nonce_bytes)
    return failure("the request's nonce has the wrong length");
  auto chain = openssl::read_certificates(r.certificate);
  if (!chain)
    return failure(fmt::format("the request's certificate is unreadable: {}", chain.error().what));
  if (auto issued = openssl::verify_chain(held_->trusted.get(), *chain, now_ms / 1000); !issued)
    return failure(fmt::format("the request's certificate is refused: {}", issued.error().what),
                   "use a certificate that the node's CA issued");
  auto bytes = signed_bytes(r);
  auto* key = X509_get0_pubkey(chain->front().get());
  openssl::digest digest(EVP_MD_CTX_new());
  bool genuine =
      key && EVP_DigestVerifyInit(digest.get(), nullptr, digest_of(key), nullptr, key) == 1 &&
      EVP_DigestVerify(digest.get(), raw(r.signature), r.signature.size(), raw(bytes), bytes.size()) == 1;
  ERR_clear_error();
  if (!genuine)
    return failure("the request's signature doesn't fit it");
  return caller{openssl::common_name(chain->front().get()), "admin"};
}

} // namespace understudy

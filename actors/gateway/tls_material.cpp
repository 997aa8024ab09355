#include "actors/gateway/tls_material.hpp"

#include "actors/config/regular_file.hpp"
#include "actors/gateway/openssl_handles.hpp"
#include "actors/gateway/own_material.hpp"

#include <openssl/err.h>

#include <ctime>

namespace understudy {

namespace {

constexpr std::size_t largest_pem = 1 << 20; // a bundle of a few hundred CAs

auto unusable(const std::filesystem::path& file, const error& why) {
  return failure(fmt::format("{} can't be used: {}", file.string(), why.what), "put a good PEM file there");
}

result<double> days_left_of(const std::vector<openssl::certificate>& certificates) {
  double least = 1e9;
  for (const auto& certificate : certificates) {
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate.get())) != 1)
      return failure(fmt::format("a certificate's end is unreadable: {}", openssl::last_error()));
    least = std::min(least, days + seconds / 86'400.0);
  }
  return least;
}

} // namespace

result<tls_texts> check_tls_files(const tls_files& files) {
  tls_texts texts;
  for (auto [file, text] :
       {std::pair{&files.ca, &texts.ca}, std::pair{&files.certificate, &texts.certificate},
        std::pair{&files.key, &texts.key}}) {
    auto content = read_regular_file(*file, largest_pem);
    if (!content)
      return tl::make_unexpected(content.error());
    *text = std::move(*content);
  }
  auto authorities = openssl::read_certificates(texts.ca);
  if (!authorities)
    return unusable(files.ca, authorities.error());
  auto trusted = openssl::make_store(*authorities);
  if (!trusted)
    return unusable(files.ca, trusted.error());
  auto chain = openssl::read_certificates(texts.certificate);
  if (!chain)
    return unusable(files.certificate, chain.error());
  auto key = openssl::read_key(texts.key);
  if (!key)
    return unusable(files.key, key.error());
  bool belongs = X509_check_private_key(chain->front().get(), key->get()) == 1;
  ERR_clear_error();
  if (!belongs)
    return unusable(files.key, error{fmt::format("it isn't the key of {}", files.certificate.string()), {}});
  if (auto issued = openssl::verify_chain(trusted->get(), *chain, std::time(nullptr)); !issued)
    return unusable(files.certificate, issued.error());
  return texts;
}

result<double> days_left(const tls_texts& texts) {
  double least = 1e9;
  for (const auto* text : {&texts.ca, &texts.certificate}) {
    auto certificates = openssl::read_certificates(*text);
    if (!certificates)
      return tl::make_unexpected(certificates.error());
    auto days = days_left_of(*certificates);
    if (!days)
      return days;
    least = std::min(least, *days);
  }
  return least;
}

result<tls_files> node_tls(const node_config& config) {
  if (!config.tls.empty())
    return tls_files{config.tls.ca, config.tls.certificate, config.tls.key};
  return make_own_material(config.node.state_dir, config.node.name.value);
}

result<tls_files> client_tls(const node_config& config) {
  if (!config.tls.empty())
    return tls_files{config.tls.ca, config.tls.certificate, config.tls.key};
  auto files = own_admin_files(config.node.state_dir);
  if (auto checked = check_tls_files(files); !checked)
    return failure(fmt::format("the key material of the node is not usable: {}", checked.error().what),
                   fmt::format("start understudyd once with this configuration, and be in the group of {}",
                               config.node.state_dir.string()));
  return files;
}

} // namespace understudy

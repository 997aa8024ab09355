#include "actors/gateway/own_material.hpp"

#include "actors/gateway/openssl_handles.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace understudy {

namespace {

namespace fs = std::filesystem;

/// Loopback only, and the CA's key is gone: nothing is gained by a short life.
constexpr long validity_seconds = 3650L * 86'400;

struct identity {
  openssl::key key;
  openssl::certificate certificate;
};

bool add_extension(X509* subject, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, subject, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, openssl::deleter<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension && X509_add_ext(subject, extension.get(), -1) == 1;
}

/// A key and its certificate, issued by `issuer` (null: by itself, as a CA).
result<identity> issue(const std::string& name, const identity* issuer) {
  identity made{openssl::key(EVP_EC_gen("P-256")), openssl::certificate(X509_new())};
  auto* x = made.certificate.get();
  std::uint64_t serial = 0;
  if (!made.key || !x || RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1)
    return failure(fmt::format("can't make a key: {}", openssl::last_error()));
  auto* subject = X509_get_subject_name(x);
  constexpr std::size_t longest_name = 64; // X.520: ub-common-name
  auto shown = name.substr(0, longest_name);
  bool complete =
      X509_set_version(x, X509_VERSION_3) == 1 &&
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1 &&
      // An hour back: clocks of a machine that has just started are not yet right.
      X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
      X509_gmtime_adj(X509_getm_notAfter(x), validity_seconds) &&
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(shown.data()),
                                 static_cast<int>(shown.size()), -1, 0) == 1 &&
      X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer->certificate.get()) : subject) == 1 &&
      X509_set_pubkey(x, made.key.get()) == 1;
  auto* issuing = issuer ? issuer->certificate.get() : x;
  complete =
      complete &&
      add_extension(x, issuing, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE") &&
      add_extension(x, issuing, NID_key_usage,
                    issuer ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign") &&
      add_extension(x, issuing, NID_subject_key_identifier, "hash") &&
      (!issuer || add_extension(x, issuing, NID_ext_key_usage, "serverAuth,clientAuth")) &&
      X509_sign(x, (issuer ? issuer->key : made.key).get(), EVP_sha256()) > 0;
  if (!complete)
    return failure(fmt::format("can't make a certificate: {}", openssl::last_error()));
  return made;
}

result<void> write_file(const fs::path& file, std::string_view text, gid_t group) {
  auto refused = [&] {
    return failure(fmt::format("can't write {}: {}", file.string(), std::generic_category().message(errno)),
                   "check the permissions of node.state_dir");
  };
  int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return refused();
  // Group first: 0640 must never mean another group. A group that isn't ours can't be given: then it stays
  // ours.
  bool written = (::fchown(descriptor, static_cast<uid_t>(-1), group) == 0 || errno == EPERM) &&
                 ::fchmod(descriptor, 0640) == 0 &&
                 ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                 ::fsync(descriptor) == 0;
  if (!written) {
    auto problem = refused();
    ::close(descriptor);
    return problem;
  }
  if (::close(descriptor) != 0)
    return refused();
  return {};
}

tls_files files_in(const fs::path& folder, const std::string& name) {
  return {folder / "ca.pem", folder / (name + ".pem"), folder / (name + "-key.pem")};
}

fs::path folder_of(const fs::path& state_dir) {
  return state_dir / "tls";
}

/// Everything into `folder`, which is not yet in use.
result<void> fill(const fs::path& folder, const std::string& node, gid_t group) {
  auto ca = issue("understudy own CA", nullptr);
  if (!ca)
    return tl::make_unexpected(ca.error());
  for (const auto& [name, subject] :
       {std::pair<std::string, std::string>{"node", node}, {"admin", "admin"}}) {
    auto made = issue(subject, &*ca);
    if (!made)
      return tl::make_unexpected(made.error());
    auto files = files_in(folder, name);
    for (const auto& [file, text] :
         {std::pair{files.ca, openssl::write_pem(ca->certificate.get())},
          std::pair{files.certificate, openssl::write_pem(made->certificate.get())},
          std::pair{files.key, openssl::write_pem(made->key.get())}})
      if (auto written = write_file(file, text, group); !written)
        return written;
  }
  return {};
}

} // namespace

tls_files own_node_files(const fs::path& state_dir) {
  return files_in(folder_of(state_dir), "node");
}
tls_files own_admin_files(const fs::path& state_dir) {
  return files_in(folder_of(state_dir), "admin");
}

result<tls_files> make_own_material(const fs::path& state_dir, const std::string& node) {
  auto mine = own_node_files(state_dir);
  if (check_tls_files(mine) && check_tls_files(own_admin_files(state_dir)))
    return mine;
  std::error_code problem;
  fs::create_directories(state_dir, problem);
  struct stat status{};
  if (problem || ::stat(state_dir.c_str(), &status) != 0)
    return failure(fmt::format("can't use node.state_dir {}: {}", state_dir.string(),
                               problem ? problem.message() : std::generic_category().message(errno)),
                   "create it, owned by the user that understudyd runs as");
  // Made aside and renamed, so that a command line never sees half of it.
  auto folder = folder_of(state_dir), fresh = state_dir / "tls.new";
  fs::remove_all(fresh, problem);
  if (::mkdir(fresh.c_str(), 0700) != 0)
    return failure(fmt::format("can't create {}: {}", fresh.string(), std::generic_category().message(errno)),
                   "check the permissions of node.state_dir");
  if (auto filled = fill(fresh, node, status.st_gid); !filled)
    return tl::make_unexpected(filled.error());
  // A group that can't be given stays ours, as in write_file.
  if ((::chown(fresh.c_str(), static_cast<uid_t>(-1), status.st_gid) != 0 && errno != EPERM) ||
      ::chmod(fresh.c_str(), 0750) != 0)
    return failure(fmt::format("can't set the permissions of {}", fresh.string()));
  fs::remove_all(folder, problem);
  fs::rename(fresh, folder, problem);
  if (problem)
    return failure(
        fmt::format("can't rename {} to {}: {}", fresh.string(), folder.string(), problem.message()));
  return mine;
}

} // namespace understudy

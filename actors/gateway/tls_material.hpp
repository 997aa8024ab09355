// The PEM files of the gateway's TLS: from the configuration, or made by the node at its first start.
#pragma once
#include "actors/config/node_config.hpp"
#include "events/model/error.hpp"

#include <filesystem>
#include <string>

namespace understudy {

struct tls_files {
  std::filesystem::path ca, certificate, key;
  bool operator==(const tls_files&) const = default;
};

/// The content of three files that fit together.
struct tls_texts {
  std::string ca, certificate, key;
  bool operator==(const tls_texts&) const = default;
};

/// The node's own material in `state_dir`/tls: a CA, a node's certificate and an administrator's. The CA's
/// key is thrown away, so nobody can issue more; a new start makes all of it anew when it's missing or has
/// expired. The folder is 0750, the files 0640, in the group of `state_dir`. One process at a time.
result<tls_files> make_own_material(const std::filesystem::path& state_dir, const std::string& node);

/// What a node listens with: [tls], or its own material, made if needed.
result<tls_files> node_tls(const node_config& config);
/// What a command line connects with: [tls], or the administrator's own material that the node made.
/// Errors: it isn't there yet, or may not be read; todo says what to do.
result<tls_files> client_tls(const node_config& config);

/// Reads the three files and checks that they're PEM, that the key is the certificate's, that the certificate
/// was issued by the CA and that both are valid now. CAF ends the process on a file that it can't use:
/// nothing is given to it unchecked.
result<tls_texts> check_tls_files(const tls_files& files);

/// Days until the first of the certificates expires; negative: it has. For metrics and doctor.
result<double> days_left(const tls_texts& texts);

} // namespace understudy

// Where a node keeps the TLS material that it makes for itself.
#pragma once
#include "actors/gateway/tls_material.hpp"

namespace understudy {

tls_files own_node_files(const std::filesystem::path& state_dir);
tls_files own_admin_files(const std::filesystem::path& state_dir);

} // namespace understudy

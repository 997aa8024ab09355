// The other nodes' addresses, left by a node for command lines on its host: when it's down, they go
// elsewhere.
#pragma once
#include "actors/config/host_port.hpp"
#include "events/model/error.hpp"

#include <filesystem>
#include <vector>

namespace understudy {

/// Writes `state_dir`/peers, one HOST:PORT a line, replacing it as a whole. For the node, when its peers
/// change.
result<void> write_known_peers(const std::filesystem::path& state_dir, const std::vector<host_port>& peers);

/// What was written; lines that can't be read are left out, no file is no peers: it's a help, never needed.
std::vector<host_port> read_known_peers(const std::filesystem::path& state_dir);

} // namespace understudy

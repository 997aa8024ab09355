#include "actors/gateway/known_peers.hpp"

#include "actors/config/regular_file.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

namespace understudy {

namespace {

std::filesystem::path file_of(const std::filesystem::path& state_dir) {
  return state_dir / "peers";
}

} // namespace

result<void> write_known_peers(const std::filesystem::path& state_dir, const std::vector<host_port>& peers) {
  auto fresh = state_dir / "peers.new";
  {
    std::ofstream file(fresh, std::ios::trunc);
    for (const auto& peer : peers)
      file << peer.text() << '\n';
    if (!file.flush())
      return failure(
          fmt::format("can't write {}: {}", fresh.string(), std::generic_category().message(errno)),
          "check the space and the permissions of node.state_dir");
  }
  std::error_code problem;
  std::filesystem::rename(fresh, file_of(state_dir), problem);
  if (problem)
    return failure(fmt::format("can't replace {}: {}", file_of(state_dir).string(), problem.message()));
  return {};
}

std::vector<host_port> read_known_peers(const std::filesystem::path& state_dir) {
  constexpr std::size_t largest = 64 << 10; // a thousand nodes
  std::vector<host_port> peers;
  auto text = read_regular_file(file_of(state_dir), largest);
  if (!text)
    return peers;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);)
    if (auto peer = host_port::parse(line))
      peers.push_back(std::move(*peer));
  return peers;
}

} // namespace understudy

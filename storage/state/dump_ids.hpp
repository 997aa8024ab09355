// The server ids under which a node reads its MariaDB's binlog. Pure.
#pragma once
#include <cstdint>

namespace understudy {

/// As `[mariadb] server_id` names the first, each is far from the others and from the small numbers that
/// people give their servers. None is 0: that is a client's that wants no more than what is there.
struct dump_ids {
  std::uint32_t capture = 0;
  std::uint32_t second = 0;  ///< of capture, behind a connection over which nothing came
  std::uint32_t backlog = 0; ///< of what reads again beside capture

  constexpr bool contain(std::uint32_t id) const { return id == capture || id == second || id == backlog; }
};

constexpr dump_ids dump_ids_of(std::uint32_t capture) {
  constexpr std::uint32_t instead_of_0 = 0x20000000U;
  const auto differing = [capture](std::uint32_t bits) {
    const auto id = capture ^ bits;
    return id == 0 ? instead_of_0 : id;
  };
  return {capture, differing(0x80000000U), differing(0xC0000000U)};
}

} // namespace understudy

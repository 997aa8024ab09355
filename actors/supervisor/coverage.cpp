#include "actors/supervisor/coverage.hpp"

#include "actors/supervisor/node_parts.hpp"
#include "storage/state/mailstore_queries.hpp"

namespace understudy {

result<std::uint64_t> count_uncovered(const node_parts& parts) {
  auto session = sql_session::open(parts.local);
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  const auto& self = parts.config.node.name;
  // Account by account: one question about all would keep control from being folded while the registry is
  // read, or copy a million ids.
  const auto is_covered = [&](const account_id& id) {
    return parts.control->ask([&](const control_state& state) {
      const auto* account = state.account(id);
      return account != nullptr && !account->is_withdrawn &&
             (account->primary() == self || account->destination(self) != nullptr);
    });
  };
  std::uint64_t uncovered = 0;
  auto read = mailstore_queries(*session, parts.rules).each_account([&](const registered_account& found) {
    uncovered += is_covered(found.account) ? 0 : 1;
  });
  if (!read)
    return tl::make_unexpected(read.error());
  return uncovered;
}

} // namespace understudy

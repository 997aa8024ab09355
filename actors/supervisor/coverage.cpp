#include "actors/supervisor/coverage.hpp"

#include "actors/supervisor/node_parts.hpp"
#include "storage/state/mailstore_queries.hpp"

namespace understudy {
namespace {

/// Taken up in one pass; the others in the next.
constexpr std::size_t most_names_at_once = 1000;

} // namespace

result<std::uint64_t>
count_uncovered(const node_parts& parts,
                const std::function<void(const account_id&, const std::string&)>& renamed) {
  auto session = sql_session::open(parts.local);
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  const auto& self = parts.config.node.name;
  // Account by account: one question about all would keep control from being folded while the registry is
  // read, or copy a million ids.
  struct part {
    bool covered = false;
    bool other_name = false;
  };
  const auto part_of = [&](const registered_account& found) {
    return parts.control->ask([&](const control_state& state) {
      const auto* account = state.account(found.account);
      if (account == nullptr || account->is_withdrawn)
        return part{};
      const bool source = account->primary() == self;
      return part{source || account->destination(self) != nullptr,
                  source && !found.name.empty() && account->name != found.name};
    });
  };
  std::uint64_t uncovered = 0;
  std::vector<account_id> other_names;
  mailstore_queries queries(*session, parts.rules);
  auto read = queries.each_account([&](const registered_account& found) {
    const auto here = part_of(found);
    uncovered += here.covered ? 0 : 1;
    if (here.other_name && other_names.size() < most_names_at_once)
      other_names.push_back(found.account);
  });
  if (!read)
    return tl::make_unexpected(read.error());
  // What was read first may be older than what control has learnt meanwhile.
  const auto now =
      other_names.empty() ? result<std::vector<registered_account>>{} : queries.find_by_id(other_names);
  if (!now)
    return tl::make_unexpected(now.error());
  for (const auto& found : *now)
    renamed(found.account, found.name);
  return uncovered;
}

} // namespace understudy

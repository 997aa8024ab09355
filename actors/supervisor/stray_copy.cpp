#include "actors/supervisor/stray_copy.hpp"

#include <algorithm>

namespace understudy {
namespace {

/// The row of a replica stays when its account is promoted here: what the mail server wrote behind it is
/// nobody's copy, and may be all that is left of it (R34).
bool was_written_here(const account_terms& terms, const node_name& self, epoch since) {
  const auto all = terms.all();
  return terms.forgot(since) || std::any_of(all.begin(), all.end(), [&](const term_entry& entry) {
           return entry.primary == self && entry.term >= since &&
                  (entry.state == term_state::activated || entry.state == term_state::decided);
         });
}

} // namespace

bool is_stray_copy(const account_state* account, const node_name& self, const replica_record& copy) {
  if (account == nullptr || account->primary() == self || account->destination(self) != nullptr)
    return false;
  // A load began by removing what was here before.
  return copy.state == replica_state::loading || !was_written_here(account->terms, self, copy.term);
}

} // namespace understudy

// A mailbox that is deleted and created again in one transaction has two slices: one event tells of both, or
// a restart would take either for the other. Pure.
#pragma once
#include "storage/binlog/sliced_transaction.hpp"

#include <iterator>
#include <unordered_map>

namespace understudy {

/// `owner_of` gives whose a mailbox is, as something that compares equal for the same account; what compares
/// equal to `Owner{}` is nobody's.
template <class OwnerOf>
void join_slices(sliced_transaction& transaction, OwnerOf owner_of) {
  using owner = decltype(owner_of(mailbox_id{}));
  std::vector<sliced_transaction::slice> joined;
  std::unordered_map<owner, std::size_t> first;
  for (auto& slice : transaction.slices) {
    const auto account = owner_of(slice.mailbox);
    const auto before = account == owner{} ? first.end() : first.find(account);
    if (before != first.end()) {
      auto& whole = joined[before->second];
      whole.too_large = whole.too_large || slice.too_large;
      std::ranges::move(slice.changes, std::back_inserter(whole.changes));
      continue;
    }
    if (account != owner{})
      first.emplace(account, joined.size());
    joined.push_back(std::move(slice));
  }
  transaction.slices = std::move(joined);
}

} // namespace understudy

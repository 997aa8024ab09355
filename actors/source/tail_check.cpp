#include "actors/source/tail_check.hpp"

#include "events/codec/decode.hpp"
#include "events/model/account_event.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

/// The shapes of the rows at hand: an event that names another one was written from another table.
class shapes_of final : public shape_lookup {
public:
  explicit shapes_of(const std::vector<row_change>& rows) {
    for (const auto& row : rows)
      if (shapes_.empty() || shapes_.back() != row.table)
        shapes_.push_back(row.table);
  }
  std::shared_ptr<const shape> find(std::uint64_t fingerprint) const override {
    const auto found = std::find_if(shapes_.begin(), shapes_.end(),
                                    [&](const auto& shape) { return shape->fingerprint() == fingerprint; });
    return found == shapes_.end() ? nullptr : *found;
  }

private:
  std::vector<std::shared_ptr<const shape>> shapes_;
};

bool is_same(const std::string& payload, const std::vector<row_change>& rows) {
  const auto event = decode(payload, shapes_of(rows));
  const auto* written = event ? std::get_if<transaction_event>(&event->body) : nullptr;
  return written != nullptr && written->changes == rows;
}

} // namespace

void tail_check::expect(const account_id& account, const gtid& id, std::string payload) {
  auto& known = expected_[{id.domain, id.number}];
  known.id = id;
  known.payloads[account] = std::move(payload);
}

std::string tail_check::missing_behind(const gtid_position& end) const {
  for (const auto& [at, known] : expected_) {
    const auto last = end.domains().find(at.domain);
    if (last == end.domains().end() || last->second.number < at.number)
      return fmt::format("Kafka has transaction {} of account {}, the server's binlog ends before it",
                         known.id.text(), known.payloads.begin()->first);
  }
  return {};
}

std::string tail_check::read(const gtid& id, const slices& changed,
                             const std::function<bool(const account_id&)>& is_left) {
  const auto first = expected_.lower_bound({id.domain, 0});
  if (first == expected_.end() || first->first.domain != id.domain || first->first.number > id.number)
    return {};
  const auto& [at, known] = *first;
  if (known.id != id)
    return fmt::format("Kafka has transaction {} of account {} where the server's binlog has {}",
                       known.id.text(), known.payloads.begin()->first, id.text());
  for (const auto& [account, payload] : known.payloads) {
    const auto here = changed.find(account);
    if (here == changed.end() && is_left && is_left(account))
      continue;
    if (here == changed.end() || !is_same(payload, *here->second))
      return fmt::format("transaction {} changed other rows of account {} here than Kafka has of it",
                         id.text(), account);
  }
  expected_.erase(first);
  return {};
}

void tail_check::pass_over(const gtid& id) {
  if (const auto known = expected_.find({id.domain, id.number});
      known != expected_.end() && known->second.id == id)
    expected_.erase(known);
}

} // namespace understudy

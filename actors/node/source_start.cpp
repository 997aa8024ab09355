#include "actors/node/source_start.hpp"

#include "events/codec/decode.hpp"
#include "events/codec/parts.hpp"
#include "events/log/partition_reader.hpp"
#include "events/log/topic_names.hpp"

namespace understudy {
namespace {

constexpr std::chrono::milliseconds poll_time{100};
constexpr std::size_t records_a_poll = 5000;
/// Open part sets while reading: a transaction of ours at most.
constexpr std::size_t parts_memory = std::size_t{1} << 30;

/// One partition, read in order.
class own_partition {
public:
  own_partition(const node_name& self, incarnation until)
      : self_(self)
      , until_(until) {}

  void take(const record& raw, std::map<account_id, capture::known_account>& accounts) {
    auto event = decode(raw.payload, without_rows{});
    if (!event || event->from.node != self_)
      return;
    if (std::holds_alternative<incarnation_event>(event->body)) {
      life_ = std::max(life_, event->from.life);
      parts_.drop_older({self_, life_});
      done_ = done_ || life_ >= until_;
      return;
    }
    if (event->from.life < life_)
      return; // void: landed behind a newer life's beginning
    if (const auto* part = std::get_if<part_event>(&event->body)) {
      auto whole = parts_.feed(event->from, *part, raw.offset);
      if (!whole || !*whole)
        return;
      event = decode(**whole, without_rows{});
      if (!event)
        return;
    }
    const auto* transaction = std::get_if<transaction_event>(&event->body);
    if (transaction == nullptr)
      return;
    const auto found = accounts.find(transaction->account);
    if (found == accounts.end())
      return;
    auto& account = found->second;
    account.last = std::max(account.last, transaction->number);
    const auto stamp = raw.time.value_or(broker_time{std::numeric_limits<std::int64_t>::max()});
    account.known[transaction->id] = {transaction->number, {raw.partition, raw.offset, stamp}};
  }
  bool done() const { return done_; }

private:
  node_name self_;
  incarnation until_;
  incarnation life_;
  part_assembler parts_{parts_memory};
  bool done_ = false;
};

} // namespace

result<std::vector<capture::known_account>> read_own_lines(const kafka_settings& kafka, const node_name& self,
                                                           account_log& log,
                                                           std::vector<captured_account> accounts,
                                                           const std::map<partition_id, kafka_offset>& from,
                                                           const std::function<bool()>& stopping) {
  std::map<account_id, capture::known_account> known;
  std::map<partition_id, own_partition> partitions;
  for (auto& account : accounts) {
    if (account.role == account_role::source) {
      log.begin_life(account.partition);
      partitions.try_emplace(account.partition, self, log.life());
    }
    known[account.account] = {account.account,
                              account.mailbox,
                              account.partition,
                              account.term,
                              std::string(text_of(account.role)),
                              account.number,
                              account.is_protected,
                              {}};
  }
  auto reader = partition_reader::open(kafka, topic::accounts);
  if (!reader)
    return tl::make_unexpected(reader.error());
  for (const auto& [partition, line] : partitions) {
    const auto marks = (*reader)->watermarks_of(partition, std::chrono::seconds(10));
    if (!marks)
      return tl::make_unexpected(marks.error());
    const auto begin = from.find(partition);
    const auto first = begin == from.end() ? marks->low : std::clamp(begin->second, marks->low, marks->high);
    if (auto added = (*reader)->add(partition, first); !added)
      return tl::make_unexpected(added.error());
  }
  std::size_t open = partitions.size();
  while (open > 0) {
    if (stopping())
      return failure("stopped while reading the accounts' partitions");
    for (const auto& raw : (*reader)->poll(records_a_poll, poll_time).records) {
      auto& line = partitions.at(raw.partition);
      if (line.done())
        continue;
      line.take(raw, known);
      if (line.done()) {
        (*reader)->pause(raw.partition);
        --open;
      }
    }
  }
  std::vector<capture::known_account> all;
  for (auto& [id, account] : known)
    all.push_back(std::move(account));
  return all;
}

} // namespace understudy

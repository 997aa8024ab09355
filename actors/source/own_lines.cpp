#include "actors/source/own_lines.hpp"

#include "actors/source/own_partition.hpp"
#include "events/codec/decode.hpp"
#include "events/log/partition_reader.hpp"
#include "events/log/topic_names.hpp"

namespace understudy {
namespace {

constexpr std::chrono::milliseconds poll_time{100};
constexpr std::size_t records_a_poll = 5000;
constexpr std::chrono::seconds ask_patience{10};

/// Any writer's numbers of some accounts in one partition.
class numbered_partition {
public:
  numbered_partition(const node_name& self, incarnation until, kafka_offset high)
      : self_(self)
      , until_(until)
      , high_(high) {}

  void take(const record& raw, std::map<account_id, logged_numbers>& found) {
    const auto event = decode(raw.payload, without_rows{});
    if (event) {
      begun_ = begun_ || (event->from.node == self_ && event->from.life >= until_);
      if (const auto* transaction = std::get_if<transaction_event>(&event->body))
        note(*transaction, event->from.node == self_, found);
      else if (const auto* part = std::get_if<part_event>(&event->body))
        note(part->account, part->number, found);
      else if (const auto* marker = std::get_if<snapshot_event>(&event->body))
        note(marker->account, marker->number, found);
    }
    done_ = done_ || (begun_ && raw.offset.next() >= high_);
  }
  bool done() const { return done_; }

private:
  static logged_numbers* note(const account_id& account, sequence number,
                              std::map<account_id, logged_numbers>& found) {
    const auto known = found.find(account);
    if (known == found.end())
      return nullptr;
    known->second.highest = std::max(known->second.highest, number);
    return &known->second;
  }
  static void note(const transaction_event& event, bool own, std::map<account_id, logged_numbers>& found) {
    auto* known = note(event.account, event.number, found);
    if (known == nullptr || !own)
      return;
    known->own = event.id;
    known->own_term = event.term;
  }
  node_name self_;
  incarnation until_;
  kafka_offset high_;
  bool begun_ = false;
  bool done_ = false;
};

/// Reads each partition from `first(partition, its watermarks)` on until its line is done.
template <class Line, class First, class Take>
result<void> read_lines(const kafka_settings& kafka, std::map<partition_id, Line>& lines, First first,
                        Take take, const std::function<bool()>& stopping) {
  auto reader = partition_reader::open(kafka, topic::accounts);
  if (!reader)
    return tl::make_unexpected(reader.error());
  (*reader)->find_leaders(ask_patience);
  // All questions before the first read: behind one that waits for records a question waits half a second.
  std::map<partition_id, kafka_offset> begins;
  for (const auto& [partition, line] : lines) {
    const auto marks = (*reader)->watermarks_of(partition, ask_patience);
    if (!marks)
      return tl::make_unexpected(marks.error());
    begins.emplace(partition, first(partition, *marks));
  }
  for (const auto& [partition, begin] : begins)
    if (auto added = (*reader)->add(partition, begin); !added)
      return tl::make_unexpected(added.error());
  std::size_t open = lines.size();
  while (open > 0) {
    if (stopping())
      return failure("stopped while reading the accounts' partitions", {}, true);
    const auto got = (*reader)->poll(records_a_poll, poll_time);
    for (const auto& trouble : got.events)
      if (trouble.kind != reader_trouble::unavailable)
        return failure(trouble.text, {}, true);
    for (const auto& raw : got.records) {
      auto& line = lines.at(raw.partition);
      if (line.done())
        continue;
      take(line, raw);
      if (line.done()) {
        (*reader)->pause(raw.partition);
        --open;
      }
    }
  }
  return {};
}

} // namespace

result<own_lines> read_own_lines(const kafka_settings& kafka, const node_name& self, account_log& log,
                                 std::vector<captured_account> accounts,
                                 const std::vector<role_record>& ahead,
                                 const std::vector<replica_record>& replicas, const gtid_position& settled,
                                 const std::map<partition_id, kafka_offset>& from,
                                 const std::function<bool()>& stopping) {
  own_lines lines;
  std::map<account_id, known_account> known;
  std::map<partition_id, own_partition> partitions;
  std::unordered_set<account_id> enrolled_again; // if they were left before
  for (const auto& role : ahead)
    if (role.role == account_role::source)
      enrolled_again.insert(role.account);
  for (auto& account : accounts) {
    // It may be a source's, which wrote already.
    const bool role_row_follows = account.term == epoch{} || (account.role == account_role::none &&
                                                              enrolled_again.contains(account.account));
    if (account.role == account_role::source || role_row_follows) {
      log.begin_life(account.partition);
      partitions.try_emplace(account.partition, self, log.life(), settled);
    }
    // Held until control says that it needn't be: what was stored may be older than `protected` (R4).
    const bool is_held = true;
    known[account.account] = {account.account, account.mailbox, account.partition, account.term,
                              account.role,    account.number,  is_held,           {}};
  }
  const auto begin = [&](partition_id partition, const watermarks& marks) {
    const auto found = from.find(partition);
    const auto kept = found == from.end() ? std::nullopt : std::optional(found->second);
    return partitions.at(partition).begin(kept, marks);
  };
  auto read = read_lines(
      kafka, partitions, begin,
      [&](own_partition& line, const record& raw) { line.take(raw, known, lines.tail, lines.fences); },
      stopping);
  if (!read)
    return tl::make_unexpected(read.error());
  for (const auto& copy : replicas) {
    const auto found = known.find(copy.account);
    if (found == known.end() || copy.state != replica_state::ready)
      continue;
    note_copy(found->second, copy);
  }
  for (auto& [id, account] : known)
    lines.accounts.push_back(std::move(account));
  return lines;
}

result<std::map<account_id, logged_numbers>>
highest_numbers(const kafka_settings& kafka, const node_name& self, account_log& log,
                const std::vector<std::pair<account_id, partition_id>>& accounts,
                const std::function<bool()>& stopping) {
  std::map<account_id, logged_numbers> found;
  std::map<partition_id, numbered_partition> lines;
  for (const auto& [account, partition] : accounts) {
    log.begin_life(partition);
    found[account] = {};
    lines.try_emplace(partition, self, log.life(), kafka_offset{0});
  }
  const auto begin = [&](partition_id partition, const watermarks& marks) {
    lines.at(partition) = numbered_partition(self, log.life(), marks.high);
    return marks.low;
  };
  auto read = read_lines(
      kafka, lines, begin, [&](numbered_partition& line, const record& raw) { line.take(raw, found); },
      stopping);
  if (!read)
    return tl::make_unexpected(read.error());
  return found;
}

} // namespace understudy

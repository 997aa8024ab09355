// One account's records in partition order: which of them are its history (R11–R13, R16, R27). Pure.
#pragma once
#include "events/control/account_terms.hpp"
#include "events/line/line_verdict.hpp"

#include <optional>
#include <string>
#include <vector>

namespace understudy {

/// Where an account's line stands.
struct line_position {
  epoch term;                     ///< in force
  std::optional<sequence> number; ///< of the last transaction; none: not known yet, any may follow
  std::optional<gtid> id;         ///< of the last transaction, if it was read
  std::optional<sequence> cut{};  ///< what the epoch in force began behind, if its fence was read
  bool operator==(const line_position&) const = default;
};

/// What control says about the account at the moment of a step.
struct line_control {
  kafka_offset folded;
  const account_terms* terms = nullptr; ///< null: not enrolled as far as control is folded
  bool withdrawn = false;
};

class account_line {
public:
  /// A larger transaction than this can't have been meant: MariaDB's own limit for one packet is 1 GiB.
  static constexpr std::size_t max_transaction_bytes = std::size_t{1} << 30;

  /// Continues behind `position`, e.g. a replica's stored one.
  explicit account_line(line_position position);
  /// Nothing known: what is in force at `begin` comes from control at the first step; see partition_line.
  account_line(kafka_offset begin, kafka_offset control_at_begin);

  line_verdict step(const writer& from, const transaction_event& event, const line_control& control);
  line_verdict step(const writer& from, const part_event& event, const line_control& control,
                    const part_decoder& decode);
  line_verdict step(const writer& from, const snapshot_event& event, const line_control& control);
  line_verdict step(const writer& from, const fence_event& event, kafka_offset offset,
                    const line_control& control);

  const line_position& position() const { return position_; }
  const std::optional<error>& stopped() const { return stopped_; }
  /// A partition reader that begins later than the line's account was last seen continues by sequence: the
  /// replica's snapshot says the number.
  void continue_at(sequence number) { position_.number = number; }

private:
  struct parts {
    writer from;
    epoch term;
    sequence number;
    std::uint32_t count = 0, next = 0;
    std::string body;
  };
  struct seen {
    sequence number;
    gtid id;
  };
  bool resolve(const account_terms& terms);
  std::optional<line_verdict> judge_writer(const writer& from, epoch term, const line_control& control);
  std::string why_not_the_cut(const fence_event& event) const;
  line_verdict accept(const transaction_event& event);
  line_verdict stop(error why);

  line_position position_;
  std::optional<kafka_offset> begin_; ///< set: position_.term isn't known yet
  kafka_offset control_at_begin_;
  std::vector<seen> recent_; ///< to tell a duplicate from another transaction (R12)
  std::optional<parts> open_;
  std::optional<error> stopped_;
};

} // namespace understudy

// A source and a destination MariaDB with one account between them: capture on one side, applier on the
// other, nothing of Kafka or actors. What the tests of storage/apply and storage/snapshot share.
//
// On the source the account has mailbox id 7 (database mboxgroup7), on the destination the next free one, 3
// (mboxgroup3), and other volume ids: whatever is copied where it should be mapped shows.
#pragma once
#include "storage/apply/applier.hpp"
#include "storage/binlog/capture_source.hpp"
#include "storage/snapshot/snapshot_loader.hpp"
#include "storage/snapshot/snapshot_reader.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace understudy::apply_test {

class replicated_pair {
public:
  /// `destination_options` go to the destination's mariadbd.
  explicit replicated_pair(std::vector<std::string> destination_options = {});

  fixture::private_mariadb& source() { return source_; }
  fixture::private_mariadb& destination() { return destination_; }
  std::shared_ptr<const profile> rules() const { return rules_; }
  sql_options source_sql() const;
  sql_options destination_sql() const;
  static account_id account() { return account_id("0aa47105-6b0c-4d0b-9d0a-000000000007"); }

  /// A further account with this mailbox id on the source; returns its id.
  account_id add_account(unsigned mailbox);

  /// Takes a snapshot of the account on the source and loads it on the destination (chunks of `rows`). What
  /// was committed before counts as contained: capture begins anew behind it.
  account_placement initialise(std::size_t rows = 1000);
  account_placement initialise(const account_id& account, mailbox_id mailbox, std::size_t rows);

  /// Everything committed on the source since: one event per transaction, of all accounts, numbered on.
  std::vector<account_batch> capture();

  applier& writer();
  /// Captures and applies, all together or each event by itself. Returns the accounts' last outcomes.
  std::vector<apply_outcome> replicate(bool together = true);

  /// Empty if the account's rows of the table are the same on both sides, byte by byte; else both lists.
  std::string difference(const std::string& logical);
  std::string difference(const std::string& logical, const account_id& account);
  /// Of every account table that exists on the source.
  std::string differences();
  std::string differences(const account_id& account);

private:
  struct member {
    account_id account;
    mailbox_id source_mailbox;
    account_placement where;
    sequence last;
    binlog_place begins; ///< of its events: where its snapshot's view stood
  };
  void start_capture();
  std::vector<std::string> dump(fixture::private_mariadb& server, const std::string& database,
                                const std::string& table, const std::string& mailbox_column,
                                std::uint32_t mailbox);

  fixture::private_mariadb source_;
  fixture::private_mariadb destination_;
  std::shared_ptr<const profile> rules_;
  std::vector<member> members_;
  std::unique_ptr<capture_source> capture_;
  std::unique_ptr<applier> applier_;
  std::uint64_t probe_ = 0;
  std::int64_t offset_ = 0;
};

/// The value, or a failed test with the error's text.
template <class T, class E>
T need(tl::expected<T, E> outcome) {
  if (!outcome)
    throw std::runtime_error(outcome.error().what);
  if constexpr (!std::is_void_v<T>)
    return std::move(*outcome);
}

} // namespace understudy::apply_test

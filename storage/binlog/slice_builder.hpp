// Turns rows events into the changes of a transaction, mailbox by mailbox (R17).
#pragma once
#include "storage/binlog/binlog_event.hpp"
#include "storage/binlog/prepared_table.hpp"
#include "storage/binlog/row_image.hpp"
#include "storage/binlog/sliced_transaction.hpp"

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace understudy {

class slice_builder {
public:
  slice_builder(std::shared_ptr<const table_routing> routing, std::size_t most_kept)
      : tables_(std::move(routing))
      , most_kept_(most_kept) {}

  /// How much a transaction had at a SAVEPOINT.
  struct mark {
    bool ours = false;
    struct slice {
      std::size_t changes = 0;
      std::size_t bytes = 0;
    };
    std::vector<slice> slices;
    std::size_t roles = 0;
    std::size_t registry = 0;
    std::size_t own_tables = 0;
    std::size_t unseen = 0;
  };

  /// Forgets the transaction before.
  void begin() {
    slice_of_.clear();
    kept_ = 0;
  }
  /// Adds one rows event's changes. Errors: damaged rows, or a role row that can't be read.
  result<void> add(const rows& event, sliced_transaction& out);
  static mark here(const sliced_transaction& out);
  void back_to(const mark& where, sliced_transaction& out);
  /// It has a slice.
  static sliced_transaction::slice& largest_of(sliced_transaction& transaction);
  /// Frees its rows: they are more than may be kept.
  static void give_up(sliced_transaction::slice& slice);

  /// Routes are asked anew.
  void reroute() { tables_.forget(); }
  const table_routing& routing() const { return tables_.routing(); }
  /// Rows of account tables read since the start.
  std::uint64_t rows_read() const { return rows_read_; }

private:
  result<void> add_own(const rows& event, const prepared_table& t, sliced_transaction& out);
  result<void> add_account_row(const rows& event, const prepared_table& t, sliced_transaction& out);
  result<void> add_registry_row(const prepared_table& t, change_kind kind, mailbox_id mailbox,
                                const row_image& main, const row_image& other, sliced_transaction& out);
  result<void> add_change(const rows& event, const prepared_table& t, change_kind kind, mailbox_id mailbox,
                          sliced_transaction& out);
  bool read_images(const rows& event, byte_reader& in);
  sliced_transaction::slice& slice_of(mailbox_id mailbox, sliced_transaction& out);
  void keep(row_change&& change, mailbox_id mailbox, sliced_transaction& out);

  prepared_tables tables_;
  row_image before_;
  row_image after_;
  std::unordered_map<std::uint32_t, std::size_t> slice_of_; ///< index of each mailbox's
  std::size_t most_kept_;
  std::size_t kept_ = 0; ///< bytes of memory, of this transaction
  std::uint64_t rows_read_ = 0;
};

} // namespace understudy

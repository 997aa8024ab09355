// Gathers decoded events into whole transactions and slices them by mailbox (R2, R11, R17; case B06). Pure.
#pragma once
#include "storage/binlog/binlog_event.hpp"
#include "storage/binlog/slice_builder.hpp"
#include "storage/binlog/sliced_transaction.hpp"
#include "storage/binlog/table_routing.hpp"

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace understudy {

class transaction_slicer {
public:
  /// `most_kept`: see stream_options::most_kept_bytes.
  transaction_slicer(std::shared_ptr<const table_routing> routing, std::size_t most_kept)
      : builder_(std::move(routing), most_kept)
      , most_kept_(most_kept) {}

  /// `file` as the decoder stood in after the event. Gives the transaction that the event ends.
  /// A transaction that was rolled back comes out without changes; one prepared by XA PREPARE comes out
  /// empty, its changes with the XA COMMIT. After an error the slicer must not be used any more.
  result<std::optional<sliced_transaction>> feed(const binlog_event& event, const std::string& file,
                                                 bool wants_ack);

  /// Routes are asked anew from the next statement on.
  void reroute() { builder_.reroute(); }
  std::uint64_t rows_read() const { return builder_.rows_read(); }
  /// In the binlog, of the transaction that is being read; 0: none is.
  std::size_t open_bytes() const { return open_ ? open_->bytes : 0; }

private:
  struct savepoint {
    std::string name;
    slice_builder::mark mark;
  };
  using finished = std::optional<sliced_transaction>;

  result<finished> begin(const gtid_begin& head, const binlog_event& event, const std::string& file);
  result<finished> take_query(const query& q);
  finished finish();
  finished finish_rolled_back();
  finished finish_prepared();
  finished finish_xa(std::string_view statement);
  void go_back_to(const std::string& name);

  slice_builder builder_;
  std::size_t most_kept_;
  std::size_t prepared_bytes_ = 0; ///< of memory, of `prepared_`
  std::optional<sliced_transaction> open_;
  bool standalone_ = false;
  bool completes_xa_ = false;
  std::string xid_;
  std::vector<savepoint> savepoints_;
  /// Prepared, neither committed nor rolled back yet; by XID.
  std::unordered_map<std::string, sliced_transaction> prepared_;
};

} // namespace understudy

// Recorded binlogs (tests/data/binlog) for the tests of storage/binlog.
#pragma once
#include "storage/binlog/event_decoder.hpp"
#include "storage/binlog/transaction_slicer.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace understudy::binlog_test {

using bytes = std::vector<std::uint8_t>;

/// A small mailstore: group databases 7 and 8, the registry, our own tables.
class small_routing final : public table_routing {
public:
  table_route route(std::string_view database, std::string_view table) const override {
    table_route out;
    const std::string name(table);
    if (database == "understudy") {
      out.what = table_route::kind::own;
    } else if (database == "zimbra" && table == "mailbox") {
      out.what = table_route::kind::registry;
      out.logical_name = "zimbra/mailbox";
      out.mailbox_column = "id";
      out.left_out_columns = {"group_id"};
    } else if ((database == "mboxgroup7" || database == "mboxgroup8") && tables.contains(name)) {
      out.is_self_pruned = name == "pruned";
      out.what = table_route::kind::account_rows;
      out.logical_name = "mboxgroup/" + name;
      out.mailbox_column = "mailbox_id";
      out.left_out_columns = {"group_id"};
    }
    return out;
  }
  bool holds_accounts(std::string_view database) const override {
    return database == "zimbra" || database == "mboxgroup7";
  }
  std::set<std::string> tables{"integers", "decimals",  "floats",    "bits",   "times",  "members",
                               "texts",    "bytes",     "others",    "wide",   "padded", "uniq",
                               "prefixed", "tombstone", "nullable",  "folded", "item",   "copied",
                               "revision", "blobs",     "old_times", "pruned"};
};

inline std::filesystem::path data_file(const std::string& name) {
  return std::filesystem::path(UNDERSTUDY_SOURCE_DIR) / "tests/data/binlog" / name;
}

/// The events of a recorded file, each with header and checksum.
inline std::vector<bytes> recorded(const std::string& name) {
  std::ifstream in(data_file(name), std::ios::binary);
  BOOST_REQUIRE_MESSAGE(in, "missing " << name);
  const bytes all{std::istreambuf_iterator<char>(in), {}};
  std::vector<bytes> out;
  for (std::size_t at = 4; at + event_header::size <= all.size();) {
    const auto length = byte_reader(byte_span(all).subspan(at + 9, 4)).u32();
    BOOST_REQUIRE(length >= event_header::size && at + length <= all.size());
    out.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(at),
                     all.begin() + static_cast<std::ptrdiff_t>(at + length));
    at += length;
  }
  return out;
}

/// Runs events through decoder and slicer; stops at the first error.
struct run_of_events {
  explicit run_of_events(std::shared_ptr<const table_routing> routing = std::make_shared<small_routing>(),
                         std::size_t most_kept = std::size_t{1} << 30)
      : slicer(std::move(routing), most_kept) {}

  bool feed(const bytes& event, bool wants_ack = false) {
    auto decoded = decoder.decode(event);
    if (!decoded) {
      failed = decoded.error();
      return false;
    }
    skipped_events += std::holds_alternative<skipped>(decoded->body);
    auto done = slicer.feed(*decoded, decoder.file(), wants_ack);
    if (!done) {
      failed = done.error();
      return false;
    }
    if (*done)
      transactions.push_back(std::move(**done));
    return true;
  }
  bool feed_file(const std::string& name) {
    const auto events = recorded(name);
    return std::all_of(events.begin(), events.end(), [&](const auto& e) { return feed(e); });
  }

  event_decoder decoder{"recorded.000001", 4};
  transaction_slicer slicer;
  std::vector<sliced_transaction> transactions;
  std::optional<error> failed;
  unsigned skipped_events = 0;
};

inline std::vector<sliced_transaction> slice_file(const std::string& name,
                                                  std::size_t most_kept = std::size_t{1} << 30) {
  run_of_events run(std::make_shared<small_routing>(), most_kept);
  run.feed_file(name);
  BOOST_REQUIRE_MESSAGE(!run.failed, run.failed->what);
  return std::move(run.transactions);
}

/// Those with changes, roles, warnings or registry rows.
inline std::vector<sliced_transaction> busy(std::vector<sliced_transaction> all) {
  std::erase_if(all, [](const auto& t) {
    return t.slices.empty() && t.roles.empty() && t.unseen.empty() && t.registry.empty() &&
           t.own_tables.empty();
  });
  return all;
}

inline const cell* find_cell(const std::vector<cell>& cells, const shape& table, std::string_view column) {
  const auto found = std::find_if(cells.begin(), cells.end(),
                                  [&](const cell& c) { return table.columns[c.column].name == column; });
  return found == cells.end() ? nullptr : &*found;
}

/// A value as one line of text, its kind in front.
inline std::string shown(const value& v) {
  return std::visit(
      [](const auto& x) -> std::string {
        using type = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<type, null_value>)
          return "null";
        else if constexpr (std::is_same_v<type, text_value>)
          return "t:" + x.utf8;
        else if constexpr (std::is_same_v<type, bytes_value>)
          return "b:" + x.bytes;
        else if constexpr (std::is_same_v<type, literal_value>)
          return "l:" + x.text;
        else
          return "n:" + std::to_string(x);
      },
      v);
}

/// A change as `insert mboxgroup/item [n=n:1] {n=n:1 name=t:one}`.
inline std::string shown(const row_change& change) {
  const auto list = [&](const std::vector<cell>& cells) {
    std::string out;
    for (const auto& c : cells)
      out += (out.empty() ? "" : " ") + change.table->columns[c.column].name + "=" + shown(c.content);
    return out;
  };
  const char* kinds[] = {"insert ", "update ", "remove "};
  return kinds[static_cast<int>(change.kind)] + change.table->table + " [" + list(change.before) + "] {" +
         list(change.after) + "}";
}

/// All changes of one transaction, each with its mailbox in front.
inline std::vector<std::string> shown(const sliced_transaction& t) {
  std::vector<std::string> out;
  for (const auto& s : t.slices)
    for (const auto& change : s.changes)
      out.push_back(std::to_string(s.mailbox.value) + " " + shown(change));
  return out;
}

} // namespace understudy::binlog_test

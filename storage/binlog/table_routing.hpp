// Which tables concern capture, and how: the profile answers, the slicer asks (DESIGN §4.1).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// What capture does with the rows of one table.
struct table_route {
  enum class kind {
    ignored,      ///< rows aren't decoded at all
    account_rows, ///< each row belongs to the mailbox named in `mailbox_column`
    registry,     ///< names accounts (zimbra.mailbox): its rows belong to that mailbox id, too
    own,          ///< database `understudy`: role rows (R11), marks of what we wrote ourselves (R36)
  };
  kind what = kind::ignored;
  /// Name in events: group databases without their number (`mboxgroup/mail_item`, `zimbra/mailbox`).
  std::string logical_name;
  /// Column with the local mailbox id, as TABLE_MAP names it; for `registry` the table's `id`.
  std::string mailbox_column;
  /// Columns that never travel (`group_id`, surrogate auto-increment keys).
  std::vector<std::string> left_out_columns;
  /// Every host removes rows here by itself: replicas may differ (R35, R38).
  bool is_self_pruned = false;
  /// registry only: the columns with the account's id and with its name.
  std::string account_column = "account_id";
  std::string name_column = "comment";
};

/// Asked once per table structure, not per row. Called on the capture thread only, must not block.
class table_routing {
public:
  virtual ~table_routing() = default;
  virtual table_route route(std::string_view database, std::string_view table) const = 0;
  /// Whether account tables live in this database: asked for statements that name a database alone
  /// (DROP DATABASE).
  virtual bool holds_accounts(std::string_view database) const = 0;
};

} // namespace understudy

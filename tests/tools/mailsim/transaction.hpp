// One operation's transaction on one mailbox: statements as the mail server writes them, and what they should
// leave.
#pragma once
#include "tests/tools/mailsim/mailbox_model.hpp"
#include "tests/tools/mailsim/seeded_random.hpp"
#include "tests/tools/record/record_writer.hpp"

#include <span>

namespace understudy::mailsim {

using record::column_value;
using record::columns;
using record::row_key;

/// Changes the model as it goes; when the transaction fails, the model must be loaded again. Statements throw
/// fixture::sql_error.
class transaction {
public:
  transaction(fixture::sql_client& sql, mailbox_model& box, seeded_random& random, std::uint64_t number);

  mailbox_model& box;
  seeded_random& random;
  record::effects effects;

  std::uint64_t number() const { return number_; }
  std::uint32_t change() const { return change_; }      ///< this transaction's change id (mod_metadata)
  std::uint32_t next_item() { return ++box.last_item; } ///< ids are never used twice
  std::int64_t date() const { return date_; } ///< seconds; made from the change id, to be repeatable

  /// Runs a statement of the caller's and records nothing.
  void run(const std::string& sql) { sql_.query(sql); }
  fixture::sql_rows rows(const std::string& sql) { return sql_.query(sql); }
  std::string quote(const column_value& value) const;
  /// INSERT or REPLACE of one row, mailbox_id added; recorded as a new row.
  void insert(std::string_view table, const columns& values, std::string_view verb = "INSERT");
  /// UPDATE by the table's key and `also` (old state in WHERE, as the mail server does it).
  void update(std::string_view table, const row_key& key, const columns& values, std::string_view also = {});
  /// DELETE by the table's key.
  void remove(std::string_view table, const row_key& key);

  // The tail of every transaction (facts §2): each touched folder's and tag's row is updated once, at the
  // end.
  void touch_folder(std::uint32_t folder, std::int64_t items, std::int64_t unread);
  void touch_tag(std::uint32_t tag, std::int64_t items, std::int64_t unread);
  /// Moves an item's share of folder and tag counts in (+1) or out (-1).
  void count_item(const item& one, int direction);
  /// The mailbox row is written although no checkpoint is due (size, contact or new-message count changed).
  void mailbox_dirty() { mailbox_dirty_ = true; }
  void write_tail();

private:
  std::string where(std::string_view table, const row_key& key) const;
  std::string full_name(std::string_view table) const;
  fixture::sql_client& sql_;
  std::uint64_t number_;
  std::uint32_t change_;
  std::int64_t date_;
  std::set<std::uint32_t> folders_;
  std::set<std::uint32_t> tags_;
  bool mailbox_dirty_ = false;
};

/// `1,2,3` for an IN list.
std::string id_list(std::span<const std::uint32_t> ids);
/// `value`, or NULL when there is none.
column_value null_unless(bool there_is, column_value value);
/// mail_item.tag_names as the mail server keeps it: `\0a\0b\0`, NULL for none.
column_value tag_names(const mailbox_model& box, const std::set<std::uint32_t>& tags);

} // namespace understudy::mailsim

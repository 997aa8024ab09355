#include "tests/tools/mailsim/mailbox_model.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy::mailsim {

namespace {

using fixture::sql_client;
using fixture::sql_row;

// Loading steps over what may have been used since the last write of the mailbox row (facts §4).
constexpr std::uint32_t item_step = 20;
constexpr std::uint32_t change_step = 100;
constexpr std::uint32_t first_user_id = 256; // ids below are the mail server's own

template <class Number = std::uint32_t>
Number number(const sql_row& row, std::size_t column) {
  return row[column] ? static_cast<Number>(std::stoll(*row[column])) : Number{};
}

std::uint32_t round_up(std::uint32_t value, std::uint32_t step) {
  return value + (step - 1 - value % step);
}

std::set<std::string> split_names(const std::string& tag_names) {
  std::set<std::string> names;
  std::string name;
  for (const char letter : tag_names)
    if (letter != '\0')
      name += letter;
    else if (!name.empty())
      names.insert(std::exchange(name, {}));
  return names;
}

/// Behind a SELECT: waits for whoever is in a COMMIT. A transaction whose client was cut off there may come
/// to its end later, in the middle of loading too; a mailbox as it was before isn't what is written on.
constexpr std::string_view settled = " LOCK IN SHARE MODE";

std::string select(const mailbox_model& box, std::string_view columns, std::string_view table,
                   std::string_view also = {}) {
  return fmt::format("SELECT {} FROM {} WHERE mailbox_id={}{}{}", columns, box.table(table), box.mailbox_id,
                     also, settled);
}

void load_items(sql_client& sql, mailbox_model& box) {
  std::map<std::string, std::uint32_t> by_name;
  for (const auto& row : sql.query(select(box, "id, name, item_count, unread", "tag", " AND id>0"))) {
    box.tags[number(row, 0)] = {
        .name = *row[1], .items = number<std::int64_t>(row, 2), .unread = number<std::int64_t>(row, 3)};
    by_name[*row[1]] = number(row, 0);
  }
  const auto columns =
      "id, type, folder_id, parent_id, flags, unread, size, mod_content, name, tag_names, index_id";
  for (const auto& row : sql.query(select(box, columns, "mail_item"))) {
    auto& added = box.items[number(row, 0)];
    added.type = static_cast<item_type>(number<int>(row, 1));
    added.folder = number(row, 2);
    added.parent = number(row, 3);
    added.flags = number<int>(row, 4);
    added.unread_count = number<std::int64_t>(row, 5);
    added.unread = added.unread_count > 0;
    added.size = number<std::int64_t>(row, 6);
    added.content_change = number(row, 7);
    added.name = row[8].value_or("");
    for (const auto& name : split_names(row[9].value_or("")))
      if (const auto found = by_name.find(name); found != by_name.end())
        added.tags.insert(found->second);
    if (row[10] == "0" && added.type == item_type::message)
      box.unindexed.push_back(number(row, 0));
  }
}

void load_rest(sql_client& sql, mailbox_model& box) {
  for (const auto& row : sql.query(select(box, "hash, conv_id", "open_conversation")))
    box.open_conversations[*row[0]] = number(row, 1);
  for (const auto& row : sql.query(select(box, "uid, item_id", "appointment")))
    box.appointments[*row[0]].item = number(row, 1);
  for (auto& [uid, entry] : box.appointments)
    for (const auto& row : sql.query(
             select(box, "COALESCE(MAX(version),0)", "revision", fmt::format(" AND item_id={}", entry.item))))
      entry.revisions = number(row, 0);
  for (const auto& row : sql.query(select(box, "id", "mail_item_dumpster", " AND type=5")))
    box.dumpster.insert(number(row, 0));
  for (const auto& row : sql.query(select(box, "item_id", "imap_folder")))
    box.imap_folders[number(row, 0)];
  for (const auto& row : sql.query(select(box, "imap_folder_id, item_id", "imap_message")))
    box.imap_folders[number(row, 0)].push_back(number(row, 1));
  for (const auto& row : sql.query(select(box, "remote_id, item_id", "data_source_item")))
    box.data_source_items[*row[0]] = number(row, 1);
  for (const auto& row : sql.query(fmt::format(
           "SELECT section FROM zimbra.mailbox_metadata WHERE mailbox_id={}{}", box.mailbox_id, settled)))
    box.metadata_sections.insert(*row[0]);
}

} // namespace

std::vector<std::uint32_t> mailbox_model::of_type(item_type type) const {
  std::vector<std::uint32_t> found;
  for (const auto& [id, one] : items)
    if (one.type == type)
      found.push_back(id);
  return found;
}

std::vector<std::uint32_t> mailbox_model::messages_in(std::uint32_t folder) const {
  std::vector<std::uint32_t> found;
  for (const auto& [id, one] : items)
    if (one.type == item_type::message && one.folder == folder)
      found.push_back(id);
  return found;
}

std::vector<std::uint32_t> mailbox_model::user_folders() const {
  auto found = of_type(item_type::folder);
  std::erase_if(found, [](std::uint32_t id) { return id < first_user_id; });
  return found;
}

std::string mailbox_model::table(std::string_view name) const {
  return fmt::format("mboxgroup{}.{}", group_id, name);
}

bool load_mailbox(sql_client& sql, const std::string& name, mailbox_model& model) {
  const auto found = sql.query("SELECT id FROM zimbra.mailbox WHERE comment=" + sql.quote(name));
  if (found.empty())
    return false;
  // By its key: behind a scan that locks, neighbours would be waited for too.
  const auto rows = sql.query(fmt::format("SELECT id, group_id, account_id, item_id_checkpoint, "
                                          "change_checkpoint, size_checkpoint, contact_count, "
                                          "new_messages, tracking_sync FROM zimbra.mailbox WHERE id={}{}",
                                          *found.front()[0], settled));
  if (rows.empty())
    return false;
  const auto& row = rows.front();
  model = {};
  model.name = name;
  model.mailbox_id = number(row, 0);
  model.group_id = number(row, 1);
  model.account_id = *row[2];
  model.written_item_checkpoint = model.last_item = round_up(number(row, 3), item_step);
  model.written_change_checkpoint = model.last_change = round_up(number(row, 4), change_step);
  model.size = number<std::int64_t>(row, 5);
  model.contacts = number<std::int64_t>(row, 6);
  model.new_messages = number<std::int64_t>(row, 7);
  model.tracks_deletes = number(row, 8) > 0;
  model.volume_id = static_cast<std::uint32_t>(
      std::stoul(sql.value("SELECT message_volume_id FROM zimbra.current_volumes")));
  load_items(sql, model);
  load_rest(sql, model);
  return true;
}

} // namespace understudy::mailsim

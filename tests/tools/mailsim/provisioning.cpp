#include "tests/tools/mailsim/provisioning.hpp"

#include "tests/tools/fixture/mailstore_schema.hpp"
#include "tests/tools/mailsim/operations.hpp"

#include <fmt/format.h>

#include <array>
#include <mutex>

namespace understudy::mailsim {

namespace {

constexpr std::uint32_t groups = 100; // zimbra_mailbox_groups

struct system_folder {
  std::uint32_t id;
  std::string_view name;
};
constexpr std::array system_folders{
    system_folder{1, "USER_ROOT"}, system_folder{2, "Inbox"},  system_folder{3, "Trash"},
    system_folder{4, "Junk"},      system_folder{5, "Sent"},   system_folder{6, "Drafts"},
    system_folder{7, "Contacts"},  system_folder{8, "Tags"},   system_folder{9, "Conversations"},
    system_folder{10, "Calendar"}, system_folder{11, "ROOT"},  system_folder{13, "Emailed Contacts"},
    system_folder{14, "Chats"},    system_folder{15, "Tasks"}, system_folder{16, "Briefcase"},
};
constexpr std::array<std::string_view, 19> flag_names{
    "\\Sent",    "\\Attached", "\\Answered", "\\Forwarded", "\\Copied", "\\Flagged",   "\\Draft",
    "\\Deleted", "\\Notified", "\\Unread",   "\\Urgent",    "\\Bulk",   "\\Versioned", "\\IdxDeferred",
    "\\Popped",  "\\Note",     "\\Priority", "\\Post",      "\\Muted",
};
constexpr std::array<std::string_view, 14> emptied_tables{
    "tagged_item",          "open_conversation",
    "appointment",          "revision",
    "mail_item_dumpster",   "tombstone",
    "appointment_dumpster", "pop3_message",
    "revision_dumpster",    "imap_message",
    "imap_folder",          "data_source_item",
    "purged_messages",      "purged_conversations",
};
constexpr std::uint32_t last_system_item = 255;

bool database_exists(fixture::sql_client& sql, std::uint32_t group) {
  return !sql.query(fmt::format("SELECT 1 FROM information_schema.tables WHERE table_schema='mboxgroup{}' "
                                "AND table_name='watch'", // the last one that is made
                                group))
              .empty();
}

} // namespace

std::string account_uuid(const std::string& name, std::uint64_t seed) {
  const auto high = hash_text(name, seed);
  const auto low = hash_text(name, high);
  return fmt::format("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", high >> 32U, (high >> 16U) & 0xffffU,
                     high & 0xfffU, low >> 52U, low & 0xffffffffffffU);
}

mailbox_place allocate_mailbox(fixture::sql_client& sql, std::uint32_t start_id) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock{one_at_a_time};
  if (start_id != 0)
    sql.query(fmt::format("UPDATE zimbra.current_volumes SET next_mailbox_id=GREATEST(next_mailbox_id,{})",
                          start_id));
  sql.query("UPDATE zimbra.current_volumes SET next_mailbox_id=next_mailbox_id+1");
  const auto id = static_cast<std::uint32_t>(
      std::stoul(sql.value("SELECT next_mailbox_id-1 FROM zimbra.current_volumes")));
  sql.query("COMMIT");
  const auto group = (id - 1) % groups + 1;
  if (!database_exists(sql, group))
    sql.script(fixture::group_schema(group));
  return {.mailbox_id = id, .group_id = group};
}

void create_mailbox(transaction& t) {
  t.run("DELETE FROM zimbra.deleted_account WHERE email=" + t.quote(t.box.name));
  t.run(fmt::format(
      "INSERT INTO zimbra.mailbox (id, group_id, account_id, index_volume_id, item_id_checkpoint, "
      "tracking_sync, comment, version) SELECT {}, {}, '{}', index_volume_id, {}, {}, {}, '10.0' FROM "
      "zimbra.current_volumes",
      t.box.mailbox_id, t.box.group_id, t.box.account_id, last_system_item, t.box.tracks_deletes ? 1 : 0,
      t.quote(t.box.name)));
  t.effects.inserted("mailbox", {},
                     {{"account_id", t.box.account_id}, {"comment", t.box.name}, {"version", "10.0"}});
  for (const auto& folder : system_folders) {
    const item made{.type = item_type::folder,
                    .folder = folder_id::root,
                    .parent = folder_id::root,
                    .name = std::string(folder.name)};
    insert_item(t, folder.id, made,
                {{"name", made.name},
                 {"subject", made.name},
                 {"metadata", "d1:ai1e1:vi10ee"},
                 {"uuid", fmt::format("{}-f{}", t.box.account_id, folder.id)}});
  }
  int id = 0;
  for (const auto name : flag_names)
    t.insert("tag", {{"id", --id}, {"name", std::string(name)}, {"listed", 0}, {"sequence", t.change()}});
  t.box.last_item = last_system_item;
  t.mailbox_dirty();
  t.write_tail();
}

void delete_mailbox(transaction& t) {
  t.run("SET FOREIGN_KEY_CHECKS=0");
  for (const auto table : emptied_tables)
    t.run(fmt::format("DELETE FROM {} WHERE mailbox_id={}", t.box.table(table), t.box.mailbox_id));
  for (const auto* table : {"tag", "mail_item"})
    t.run(fmt::format("DELETE FROM {} WHERE mailbox_id={}", t.box.table(table), t.box.mailbox_id));
  t.run("SET FOREIGN_KEY_CHECKS=1");
  t.run(fmt::format("REPLACE INTO zimbra.deleted_account (email, account_id, mailbox_id, deleted_at) "
                    "SELECT comment, account_id, id, {} FROM zimbra.mailbox WHERE id={}",
                    t.date(), t.box.mailbox_id));
  t.run(fmt::format("DELETE FROM zimbra.mailbox WHERE id={}", t.box.mailbox_id)); // the rest cascades
  t.run(fmt::format("DELETE FROM zimbra.volume_blobs WHERE mailbox_id={}", t.box.mailbox_id));
  t.effects.account_deleted();
}

} // namespace understudy::mailsim

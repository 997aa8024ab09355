// Calendar, contacts, settings kept per mailbox, timers, external sources.
#include "tests/tools/mailsim/operations.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace understudy::mailsim {

namespace {

std::string datetime(std::int64_t seconds) { // in the mail server's zone (facts §1): any will do, so UTC
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

// pop3 uids are unique per data source over all mailboxes, so the source's id is made from the account's.
std::string data_source(const mailbox_model& box) {
  return box.account_id.substr(0, 35) + "d";
}

columns appointment_row(transaction& t, const std::string& uid, std::uint32_t item) {
  const auto start = t.date() + 3600 * std::int64_t{t.random.below(2000)};
  const bool endless = t.random.chance(15);
  return {{"uid", uid},
          {"item_id", item},
          {"start_time", datetime(start)},
          {"end_time", null_unless(!endless, datetime(start + 5400))}};
}

constexpr auto task_class = "com.zimbra.cs.mailbox.calendar.CalItemReminderTask";

} // namespace

bool create_appointment(transaction& t) {
  const auto id = t.next_item();
  const auto uid = fmt::format("{}-{}", t.box.account_id, t.number());
  const item made{.type = item_type::appointment, .folder = folder_id::calendar, .size = 1500, .name = {}};
  const auto subject = some_text(t, 3);
  insert_item(t, id, made,
              {{"index_id", 0},
               {"locator", fmt::format("{}", t.box.volume_id)},
               {"subject", subject},
               {"uuid", uid},
               {"metadata", fmt::format("d3:inv{}:{}e", subject.size(), subject)}});
  t.insert("appointment", appointment_row(t, uid, id));
  t.box.appointments[uid] = {.item = id};
  t.box.size += made.size;
  t.mailbox_dirty();
  return true;
}

bool modify_appointment(transaction& t) {
  if (t.box.appointments.empty())
    return false;
  auto& [uid, entry] = *std::next(t.box.appointments.begin(), t.random.below(t.box.appointments.size()));
  if (t.random.chance(40)) { // zimbraCalendarMaxRevisions != 1
    const auto version = ++entry.revisions;
    t.run(fmt::format(
        "REPLACE INTO {} (mailbox_id, item_id, version, date, size, locator, blob_digest, name, "
        "metadata, mod_metadata, change_date, mod_content) SELECT mailbox_id, id, {}, date, size, "
        "locator, blob_digest, name, metadata, mod_metadata, change_date, mod_content FROM {} "
        "WHERE mailbox_id={} AND id={}",
        t.box.table("revision"), version, t.box.table("mail_item"), t.box.mailbox_id, entry.item));
    t.effects.inserted("revision", {entry.item, version}, {{"item_id", entry.item}, {"version", version}});
  }
  const auto subject = some_text(t, 4);
  t.update("mail_item", {entry.item},
           {{"subject", subject},
            {"metadata", fmt::format("d3:inv{}:{}1:mi{}ee", subject.size(), subject, t.change())},
            {"mod_metadata", t.change()},
            {"change_date", t.date()},
            {"mod_content", t.change()}});
  t.box.items.at(entry.item).content_change = t.change();
  t.insert("appointment", appointment_row(t, uid, entry.item), "REPLACE");
  t.touch_folder(t.box.items.at(entry.item).folder, 0, 0);
  return true;
}

bool create_contact(transaction& t) {
  const auto id = t.next_item();
  const item made{.type = item_type::contact, .folder = folder_id::contacts, .size = 300, .name = {}};
  insert_item(t, id, made,
              {{"index_id", 0}, {"sender", some_text(t, 2)}, {"metadata", "d3:fldd5:email3:x@ye1:vi10ee"}});
  t.box.contacts += 1;
  t.box.size += made.size;
  t.mailbox_dirty();
  return true;
}

bool modify_contact(transaction& t) {
  const auto contacts = t.box.of_type(item_type::contact);
  if (contacts.empty())
    return false;
  const auto id = t.random.pick(contacts);
  t.update("mail_item", {id},
           {{"sender", some_text(t, 2)},
            {"index_id", nullptr},
            {"mod_metadata", t.change()},
            {"mod_content", t.change()}});
  t.box.items.at(id).content_change = t.change();
  t.touch_folder(t.box.items.at(id).folder, 0, 0);
  return true;
}

bool set_metadata(transaction& t) {
  const auto section = fmt::format("zwc:implicit_{}", t.random.below(6));
  t.insert("mailbox_metadata", {{"section", section}, {"metadata", fmt::format("d1:k{}e", some_text(t, 12))}},
           "REPLACE");
  t.box.metadata_sections.insert(section);
  return true;
}

bool delete_metadata(transaction& t) {
  if (t.box.metadata_sections.empty())
    return false;
  const auto section = *t.box.metadata_sections.begin();
  t.remove("mailbox_metadata", {section});
  t.box.metadata_sections.erase(section);
  return true;
}

bool send_out_of_office(transaction& t) {
  const auto sent_to = fmt::format("sender{}@example.test", t.random.below(50));
  t.insert("out_of_office", {{"sent_to", sent_to}, {"sent_on", datetime(t.date())}}, "REPLACE");
  // One that the next prune of whichever host takes away: not in the record.
  t.run(fmt::format(
      "REPLACE INTO zimbra.out_of_office (mailbox_id, sent_to, sent_on) VALUES ({}, 'old@example.test', "
      "'2000-01-01 00:00:00')",
      t.box.mailbox_id));
  return true;
}

bool schedule_task(transaction& t) {
  // Names carry the item's id; ours the account's too, because the mail server deletes by class and name
  // alone.
  const auto name = fmt::format("reminder{}-{}", t.random.below(5), t.box.account_id);
  if (t.random.chance(60)) {
    t.insert("scheduled_task",
             {{"class_name", task_class},
              {"name", name},
              {"exec_time", datetime(t.date() + 600)},
              {"interval_millis", nullptr},
              {"metadata", "d3:mid1:1e"}},
             "REPLACE");
  } else {
    t.run(fmt::format("DELETE FROM zimbra.scheduled_task WHERE class_name='{}' AND name={}", task_class,
                      t.quote(name)));
    t.effects.deleted("scheduled_task", {task_class, name});
  }
  return true;
}

bool sync_imap_source(transaction& t) {
  if (t.box.imap_folders.empty() || t.random.chance(10)) {
    const auto folder = t.next_item();
    t.insert("imap_folder", {{"item_id", folder},
                             {"data_source_id", data_source(t.box)},
                             {"local_path", fmt::format("/IMAP/{}", folder)},
                             {"remote_path", fmt::format("INBOX.{}", folder)},
                             {"uid_validity", 1}});
    t.box.imap_folders[folder];
    return true;
  }
  auto& [folder, messages] =
      *std::next(t.box.imap_folders.begin(), t.random.below(t.box.imap_folders.size()));
  if (!messages.empty() && t.random.chance(30)) {
    const auto which = t.random.below(messages.size());
    if (t.random.chance(50)) {
      t.update("imap_message", {messages[which]}, {{"flags", t.random.below(64)}});
    } else {
      t.remove("imap_message", {messages[which]});
      messages.erase(messages.begin() + which);
    }
    return true;
  }
  const auto id = t.next_item();
  t.insert("imap_message",
           {{"imap_folder_id", folder}, {"uid", 5'000'000'000 + id}, {"item_id", id}, {"flags", 0}});
  messages.push_back(id);
  return true;
}

bool fetch_pop3_source(transaction& t) {
  const auto id = t.next_item();
  t.insert("pop3_message",
           {{"data_source_id", data_source(t.box)}, {"uid", fmt::format("UID-{}", id)}, {"item_id", id}});
  if (t.random.chance(40))
    t.insert("purged_messages", {{"data_source_id", data_source(t.box)},
                                 {"item_id", id},
                                 {"parent_id", nullptr},
                                 {"remote_id", fmt::format("r{}", id)},
                                 {"remote_folder_id", "INBOX"},
                                 {"purge_date", t.date()}});
  if (t.random.chance(30))
    t.insert("purged_conversations",
             {{"data_source_id", data_source(t.box)}, {"item_id", id}, {"hash", some_hash(t.random)}});
  return true;
}

bool sync_data_source(transaction& t) {
  const auto remote = fmt::format("remote-{}", t.random.below(20));
  const auto id = t.next_item();
  const auto metadata = some_text(t, 3);
  // ON DUPLICATE KEY UPDATE by the unique remote id changes the row's primary key (facts §2).
  t.run(fmt::format(
      "INSERT INTO {} (mailbox_id, data_source_id, item_id, folder_id, remote_id, metadata) VALUES "
      "({}, '{}', {}, 0, '{}', {}) ON DUPLICATE KEY UPDATE item_id=VALUES(item_id), "
      "folder_id=VALUES(folder_id), metadata=VALUES(metadata)",
      t.box.table("data_source_item"), t.box.mailbox_id, data_source(t.box), id, remote, t.quote(metadata)));
  if (const auto known = t.box.data_source_items.find(remote); known != t.box.data_source_items.end())
    t.effects.deleted("data_source_item", {known->second});
  t.effects.inserted("data_source_item", {id},
                     {{"data_source_id", data_source(t.box)},
                      {"folder_id", 0},
                      {"remote_id", remote},
                      {"metadata", metadata}});
  t.box.data_source_items[remote] = id;
  return true;
}

bool prune_all_mailboxes(transaction& t) {
  t.run(fmt::format("DELETE FROM zimbra.pending_acl_push WHERE date<{}", (t.date() - 50) * 1000));
  t.run("DELETE FROM zimbra.out_of_office WHERE sent_on<'2001-01-01'");
  return true;
}

} // namespace understudy::mailsim

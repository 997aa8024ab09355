// Items leave: hard delete with what cascades, the dumpster, and purging by age.
#include "tests/tools/mailsim/operations.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy::mailsim {

namespace {

constexpr std::int64_t purge_age_changes = 300; // what counts as old; the mail server's months, in change ids

void take_from_conversations(transaction& t, const std::vector<std::uint32_t>& ids) {
  std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>> leaving; // conversation → items, unread
  for (const auto id : ids) {
    const auto& one = t.box.items.at(id);
    if (one.type == item_type::message && one.parent != 0) {
      leaving[one.parent].first += 1;
      leaving[one.parent].second += one.unread ? 1 : 0;
    }
  }
  if (leaving.empty())
    return;
  t.run(fmt::format(
      "UPDATE {0} AS c JOIN (SELECT parent_id, COUNT(*) AS n, SUM(unread) AS u FROM {0} "
      "WHERE mailbox_id={1} AND id IN ({2}) AND type=5 AND parent_id IS NOT NULL GROUP BY parent_id) "
      "AS gone ON c.id=gone.parent_id SET c.size=c.size-gone.n, c.unread=c.unread-gone.u, "
      "c.mod_metadata={3} WHERE c.mailbox_id={1}",
      t.box.table("mail_item"), t.box.mailbox_id, id_list(ids), t.change()));
  for (const auto& [conversation, gone] : leaving) {
    auto& row = t.box.items.at(conversation);
    row.size -= gone.first;
    row.unread_count -= gone.second;
    t.effects.updated("mail_item", {conversation},
                      {{"size", row.size}, {"unread", row.unread_count}, {"mod_metadata", t.change()}});
  }
}

void copy_to_dumpster(transaction& t, const std::vector<std::uint32_t>& ids) {
  const auto list = id_list(ids);
  for (const auto* table : {"mail_item", "appointment", "revision"})
    t.run(fmt::format("REPLACE INTO {}_dumpster SELECT * FROM {} WHERE mailbox_id={} AND {} IN ({})",
                      t.box.table(table), t.box.table(table), t.box.mailbox_id,
                      std::string_view{table} == "mail_item" ? "id" : "item_id", list));
  for (const auto id : ids) {
    const auto& one = t.box.items.at(id);
    t.effects.inserted("mail_item_dumpster", {id},
                       {{"type", static_cast<int>(one.type)}, {"folder_id", one.folder}, {"size", one.size}});
    if (one.type == item_type::message)
      t.box.dumpster.insert(id);
  }
}

void delete_rows(transaction& t, const std::vector<std::uint32_t>& ids) {
  if (ids.empty())
    return;
  t.run(fmt::format("DELETE FROM {} WHERE mailbox_id={} AND id IN ({})", t.box.table("mail_item"),
                    t.box.mailbox_id, id_list(ids)));
  std::map<item_type, std::vector<std::uint32_t>> by_type;
  for (const auto id : ids) {
    by_type[t.box.items.at(id).type].push_back(id);
    t.effects.deleted("mail_item", {id});
    t.box.items.erase(id);
    std::erase_if(t.box.open_conversations, [&](const auto& open) { return open.second == id; });
    std::erase_if(t.box.appointments, [&](const auto& entry) { return entry.second.item == id; });
    std::erase(t.box.unindexed, id);
  }
  if (t.box.tracks_deletes)
    for (const auto& [type, gone] : by_type)
      t.insert("tombstone", {{"sequence", t.change()},
                             {"date", t.date()},
                             {"type", static_cast<int>(type)},
                             {"ids", id_list(gone)}});
}

} // namespace

void hard_delete(transaction& t, const std::vector<std::uint32_t>& ids, bool keep_in_dumpster) {
  std::vector<std::uint32_t> contents, folders, emptied;
  for (const auto id : ids)
    (t.box.items.at(id).type == item_type::folder ? folders : contents).push_back(id);
  if (!contents.empty()) {
    take_from_conversations(t, contents);
    if (keep_in_dumpster)
      copy_to_dumpster(t, contents);
    for (const auto id : contents) {
      const auto& one = t.box.items.at(id);
      t.count_item(one, -1);
      t.box.size -= one.size;
      t.box.contacts -= one.type == item_type::contact ? 1 : 0;
      if (one.parent != 0 && t.box.items.at(one.parent).size == 0 &&
          std::ranges::find(emptied, one.parent) == emptied.end())
        emptied.push_back(one.parent);
    }
  }
  delete_rows(t, contents); // then what refers to nothing any more: conversations, and folders last
  delete_rows(t, emptied);
  delete_rows(t, folders);
  t.mailbox_dirty();
}

bool delete_messages(transaction& t) {
  std::vector<std::uint32_t> candidates;
  for (const auto& [id, one] : t.box.items)
    if (one.type == item_type::message || one.type == item_type::contact ||
        one.type == item_type::appointment)
      candidates.push_back(id);
  if (candidates.size() < most_items) // so that mailboxes grow on average
    return false;
  const bool dumpster = t.random.chance(50);
  hard_delete(t, choose(t.random, std::move(candidates)), dumpster);
  return true;
}

bool recover_message(transaction& t) {
  if (t.box.dumpster.empty())
    return false;
  const auto source = *std::next(t.box.dumpster.begin(), t.random.below(t.box.dumpster.size()));
  const auto size =
      std::stoll(*t.rows(fmt::format("SELECT size FROM {} WHERE mailbox_id={} AND id={}",
                                     t.box.table("mail_item_dumpster"), t.box.mailbox_id, source))
                      .at(0)
                      .at(0));
  const auto id = t.next_item();
  const item back{.folder = folder_id::inbox, .size = size, .content_change = t.change(), .name = {}};
  t.run(fmt::format(
      "INSERT INTO {} (mailbox_id, id, type, parent_id, folder_id, index_id, imap_id, date, size, locator, "
      "blob_digest, unread, flags, tags, tag_names, sender, recipients, subject, metadata, mod_metadata, "
      "change_date, mod_content, uuid) SELECT mailbox_id, {}, type, NULL, {}, 0, {}, date, size, locator, "
      "blob_digest, 0, 0, 0, NULL, sender, recipients, subject, metadata, {}, {}, {}, uuid FROM {} "
      "WHERE mailbox_id={} AND id={}",
      t.box.table("mail_item"), id, back.folder, id, t.change(), t.date(), t.change(),
      t.box.table("mail_item_dumpster"), t.box.mailbox_id, source));
  t.effects.inserted("mail_item", {id},
                     {{"type", 5},
                      {"parent_id", nullptr},
                      {"folder_id", back.folder},
                      {"size", size},
                      {"unread", 0},
                      {"flags", 0},
                      {"mod_metadata", t.change()}});
  t.remove("mail_item_dumpster", {source});
  t.box.dumpster.erase(source);
  t.box.items[id] = back;
  t.box.unindexed.push_back(id);
  t.count_item(back, +1);
  t.box.size += size;
  t.mailbox_dirty();
  return true;
}

bool purge(transaction& t) {
  auto old = t.box.messages_in(folder_id::trash);
  if (!old.empty()) {
    old.resize(std::min(old.size(), most_items));
    hard_delete(t, old, false);
  }
  const auto horizon = t.date() - purge_age_changes;
  const auto tombstones = fmt::format("FROM {} WHERE mailbox_id={} AND date<{}", t.box.table("tombstone"),
                                      t.box.mailbox_id, horizon);
  for (const auto& row : t.rows("SELECT sequence, type " + tombstones))
    t.effects.deleted("tombstone", {std::stoll(*row[0]), std::stoll(*row[1])});
  t.run("DELETE " + tombstones);
  const auto threads = fmt::format("FROM {} WHERE mailbox_id={} AND conv_id IN (SELECT id FROM {} WHERE "
                                   "mailbox_id={} AND date<{})",
                                   t.box.table("open_conversation"), t.box.mailbox_id,
                                   t.box.table("mail_item"), t.box.mailbox_id, horizon);
  for (const auto& row : t.rows("SELECT hash " + threads)) {
    t.effects.deleted("open_conversation", {*row[0]});
    t.box.open_conversations.erase(*row[0]);
  }
  t.run("DELETE " + threads);
  t.update("mailbox", {}, {{"last_purge_at", t.date()}});
  return true;
}

} // namespace understudy::mailsim

// Messages: delivered, drafted, copied, moved, read, flagged, tagged, indexed.
#include "tests/tools/mailsim/operations.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy::mailsim {

namespace {

constexpr unsigned reply_percent = 30;      // of deliveries that join a thread
constexpr unsigned attachment_percent = 20; // of deliveries
constexpr std::size_t index_after = 20;     // messages waiting, then they are indexed in one go (facts §2)

// tagged_item rows of system flags and tags come from the tag table, so that a tag deleted meanwhile isn't
// tagged.
void insert_tagged(transaction& t, std::uint32_t id, const std::vector<std::int64_t>& tags) {
  if (tags.empty())
    return;
  std::string list;
  for (const auto tag : tags)
    list += fmt::format("{}{}", list.empty() ? "" : ",", tag);
  t.run(fmt::format("INSERT INTO {} (mailbox_id, tag_id, item_id) SELECT mailbox_id, id, {} FROM {} "
                    "WHERE mailbox_id={} AND id IN ({})",
                    t.box.table("tagged_item"), id, t.box.table("tag"), t.box.mailbox_id, list));
  for (const auto tag : tags)
    t.effects.inserted("tagged_item", {tag, id}, {{"tag_id", tag}, {"item_id", id}});
}

std::vector<std::int64_t> tags_of(const item& one) {
  std::vector<std::int64_t> tags;
  for (const int system : {flag::attached, flag::flagged, flag::draft})
    if ((one.flags & flag::bit(system)) != 0)
      tags.push_back(system);
  if (one.unread)
    tags.push_back(flag::unread);
  tags.insert(tags.end(), one.tags.begin(), one.tags.end());
  return tags;
}

void open_conversation(transaction& t, const std::string& hash, std::uint32_t conversation) {
  t.insert("open_conversation", {{"hash", hash}, {"conv_id", conversation}}, "REPLACE");
  t.box.open_conversations[hash] = conversation;
}

columns message_columns(transaction& t, std::uint32_t id, const std::string& subject) {
  // The token by which the comparison recognises this very delivery: account and transaction number.
  const auto token = fmt::format("{}-{}", t.box.account_id, t.number());
  return {{"index_id", 0},
          {"imap_id", id},
          {"locator", fmt::format("{}", t.box.volume_id)},
          {"blob_digest", some_hash(t.random) + "digest"},
          {"sender", "Ж. O'Neill"},
          {"recipients", t.box.name.substr(0, 128)},
          {"subject", subject},
          {"metadata", fmt::format("d1:f{}:{}1:s20:sender@example.test2:to{}:{}1:vi10ee", subject.size(),
                                   subject, t.box.name.size(), t.box.name)},
          {"uuid", token}};
}

// The second message of a thread makes the conversation; later ones join it.
void join_thread(transaction& t, std::uint32_t first, std::uint32_t id) {
  auto& message = t.box.items.at(id);
  if (t.box.items.at(first).type == item_type::conversation) {
    auto& conversation = t.box.items.at(first);
    conversation.size += 1;
    conversation.unread_count += 1;
    message.parent = first;
    t.update("mail_item", {id}, {{"parent_id", first}});
    t.update("mail_item", {first},
             {{"size", conversation.size},
              {"unread", conversation.unread_count},
              {"metadata", fmt::format("d1:ni{}e1:vi10ee", conversation.size)},
              {"mod_metadata", t.change()}});
    return;
  }
  const auto conversation = t.next_item();
  auto& opening = t.box.items.at(first);
  const item made{.type = item_type::conversation,
                  .folder = 9,
                  .size = 2,
                  .unread_count = 1 + (opening.unread ? 1 : 0),
                  .name = {}};
  insert_item(t, conversation, made, {{"metadata", "d1:ni2e1:vi10ee"}, {"subject", some_text(t, 3)}});
  for (const auto member : {first, id}) {
    t.box.items.at(member).parent = conversation;
    t.update("mail_item", {member}, {{"parent_id", conversation}, {"mod_metadata", t.change()}});
  }
  t.run(fmt::format("UPDATE {} SET conv_id={} WHERE mailbox_id={} AND conv_id={}",
                    t.box.table("open_conversation"), conversation, t.box.mailbox_id, first));
  for (auto& [known, target] : t.box.open_conversations)
    if (target == first) {
      target = conversation;
      t.effects.updated("open_conversation", {known}, {{"conv_id", conversation}});
    }
}

} // namespace

bool deliver(transaction& t) {
  const auto id = t.next_item();
  item message{.folder = folder_id::inbox,
               .unread = true,
               .size = 2000 + t.random.below(60000),
               .unread_count = 1,
               .name = {}};
  if (t.random.chance(attachment_percent))
    message.flags = flag::bit(flag::attached);
  const auto subject = some_text(t, 2 + t.random.below(6));
  insert_item(t, id, message, message_columns(t, id, subject));
  insert_tagged(t, id, tags_of(message));
  auto thread = t.box.open_conversations.end();
  if (!t.box.open_conversations.empty() && t.random.chance(reply_percent))
    thread = std::next(t.box.open_conversations.begin(), t.random.below(t.box.open_conversations.size()));
  if (thread != t.box.open_conversations.end()) {
    join_thread(t, thread->second, id);
  } else {
    open_conversation(t, some_hash(t.random), id); // by subject
    open_conversation(t, some_hash(t.random), id); // by Message-ID
  }
  t.box.unindexed.push_back(id);
  t.box.size += message.size;
  t.box.new_messages += 1;
  t.mailbox_dirty();
  return true;
}

bool save_draft(transaction& t) {
  auto drafts = t.box.messages_in(folder_id::drafts);
  std::erase_if(drafts, [&](auto id) { return (t.box.items.at(id).flags & flag::bit(flag::draft)) == 0; });
  const auto size = std::int64_t{500} + t.random.below(5000);
  const auto subject = some_text(t, 3);
  if (drafts.empty() || t.random.chance(30)) {
    const auto id = t.next_item();
    const item draft{.folder = folder_id::drafts, .flags = flag::bit(flag::draft), .size = size, .name = {}};
    insert_item(t, id, draft, message_columns(t, id, subject));
    insert_tagged(t, id, tags_of(draft));
    t.box.size += size;
  } else { // again: the whole row, never a revision
    const auto id = t.random.pick(drafts);
    auto& draft = t.box.items.at(id);
    t.box.size += size - draft.size;
    draft.size = size;
    draft.content_change = t.change();
    columns row = message_columns(t, id, subject);
    row.insert(row.end(), {{"size", size},
                           {"date", t.date()},
                           {"mod_metadata", t.change()},
                           {"change_date", t.date()},
                           {"mod_content", t.change()}});
    t.update("mail_item", {id}, row);
    if (t.random.chance(50)) { // its flags changed: tagged_item is deleted and inserted again
      t.run(fmt::format("DELETE FROM {} WHERE mailbox_id={} AND item_id={}", t.box.table("tagged_item"),
                        t.box.mailbox_id, id));
      insert_tagged(t, id, tags_of(draft));
    }
    t.touch_folder(folder_id::drafts, 0, 0);
  }
  t.mailbox_dirty();
  return true;
}

bool copy_message(transaction& t) {
  const auto messages = t.box.of_type(item_type::message);
  const auto folders = t.box.user_folders();
  if (messages.empty() || folders.empty())
    return false;
  const auto source = t.random.pick(messages);
  const auto id = t.next_item();
  auto copy = t.box.items.at(source);
  copy.folder = t.random.pick(folders);
  copy.parent = 0;
  copy.content_change = t.change();
  t.run(fmt::format(
      "INSERT INTO {0} (mailbox_id, id, type, parent_id, folder_id, prev_folders, index_id, imap_id, date, "
      "size, "
      "locator, blob_digest, unread, flags, tags, tag_names, sender, recipients, subject, name, metadata, "
      "mod_metadata, change_date, mod_content, uuid) SELECT mailbox_id, {1}, type, NULL, {2}, NULL, 0, {1}, "
      "date, "
      "size, locator, blob_digest, unread, flags, tags, tag_names, sender, recipients, subject, name, "
      "metadata, {3}, "
      "{4}, {3}, uuid FROM {0} WHERE mailbox_id={5} AND id={6}",
      t.box.table("mail_item"), id, copy.folder, t.change(), t.date(), t.box.mailbox_id, source));
  t.effects.inserted("mail_item", {id},
                     {{"type", 5},
                      {"parent_id", nullptr},
                      {"folder_id", copy.folder},
                      {"size", copy.size},
                      {"unread", copy.unread ? 1 : 0},
                      {"flags", copy.flags},
                      {"tag_names", tag_names(t.box, copy.tags)},
                      {"mod_metadata", t.change()},
                      {"mod_content", t.change()}});
  t.run(fmt::format("INSERT INTO {0} (mailbox_id, tag_id, item_id) SELECT mailbox_id, tag_id, {1} FROM {0} "
                    "WHERE mailbox_id={2} AND item_id={3}",
                    t.box.table("tagged_item"), id, t.box.mailbox_id, source));
  for (const auto tag : tags_of(copy))
    t.effects.inserted("tagged_item", {tag, id}, {{"item_id", id}, {"tag_id", tag}});
  t.box.items[id] = copy;
  t.box.unindexed.push_back(id);
  t.count_item(copy, +1);
  t.box.size += copy.size;
  t.mailbox_dirty();
  return true;
}

bool move_messages(transaction& t) {
  auto targets = t.box.user_folders();
  targets.push_back(folder_id::trash);
  const auto target = t.random.pick(targets);
  auto messages = t.box.of_type(item_type::message);
  std::erase_if(messages, [&](auto id) {
    const auto& one = t.box.items.at(id);
    return one.folder == target || (one.flags & flag::bit(flag::draft)) != 0;
  });
  if (messages.empty())
    return false;
  for (const auto id : choose(t.random, std::move(messages))) {
    auto& one = t.box.items.at(id);
    t.count_item(one, -1);
    const auto before = std::exchange(one.folder, target);
    const bool reads = target == folder_id::trash && one.unread;
    columns row{{"folder_id", target},
                {"prev_folders", fmt::format("{}:{}", t.change(), before)},
                {"mod_metadata", t.change()},
                {"change_date", t.date()}};
    if (reads) { // moving to Trash marks read
      one.unread = false;
      one.unread_count = 0;
      row.emplace_back("unread", 0);
    }
    t.update("mail_item", {id}, row);
    if (reads)
      t.remove("tagged_item", {flag::unread, id});
    t.count_item(one, +1);
  }
  return true;
}

bool mark_read(transaction& t) {
  auto messages = t.box.of_type(item_type::message);
  std::erase_if(messages, [&](auto id) { return !t.box.items.at(id).unread; });
  if (messages.empty())
    return false;
  for (const auto id : choose(t.random, std::move(messages))) {
    auto& one = t.box.items.at(id);
    t.count_item(one, -1);
    one.unread = false;
    one.unread_count = 0;
    t.update("mail_item", {id}, {{"unread", 0}, {"mod_metadata", t.change()}, {"change_date", t.date()}},
             "unread=1");
    t.remove("tagged_item", {flag::unread, id});
    t.count_item(one, +1);
  }
  return true;
}

bool toggle_flag(transaction& t) {
  auto messages = t.box.of_type(item_type::message);
  if (messages.empty())
    return false;
  const int bit = flag::bit(flag::flagged);
  for (const auto id : choose(t.random, std::move(messages))) {
    auto& one = t.box.items.at(id);
    const auto before = std::exchange(one.flags, one.flags ^ bit);
    t.update("mail_item", {id},
             {{"flags", one.flags}, {"mod_metadata", t.change()}, {"change_date", t.date()}},
             fmt::format("flags={}", before));
    if ((one.flags & bit) != 0)
      t.insert("tagged_item", {{"tag_id", flag::flagged}, {"item_id", id}}, "REPLACE");
    else
      t.remove("tagged_item", {flag::flagged, id});
  }
  return true;
}

bool toggle_tag(transaction& t) {
  auto messages = t.box.of_type(item_type::message);
  if (messages.empty() || t.box.tags.empty())
    return false;
  const auto tag = std::next(t.box.tags.begin(), t.random.below(t.box.tags.size()))->first;
  for (const auto id : choose(t.random, std::move(messages))) {
    auto& one = t.box.items.at(id);
    const bool adds = one.tags.insert(tag).second;
    if (!adds)
      one.tags.erase(tag);
    t.update(
        "mail_item", {id},
        {{"tag_names", tag_names(t.box, one.tags)}, {"mod_metadata", t.change()}, {"change_date", t.date()}});
    if (adds)
      t.insert("tagged_item", {{"tag_id", tag}, {"item_id", id}}, "REPLACE");
    else
      t.remove("tagged_item", {tag, id});
    t.touch_tag(tag, adds ? 1 : -1, one.unread ? (adds ? 1 : -1) : 0);
  }
  return true;
}

bool index_messages(transaction& t) {
  if (t.box.unindexed.size() < index_after)
    return false;
  t.run(fmt::format("UPDATE {} SET index_id=id WHERE mailbox_id={} AND id IN ({})", t.box.table("mail_item"),
                    t.box.mailbox_id, id_list(t.box.unindexed)));
  t.box.unindexed.clear();
  return true;
}

bool move_blob(transaction& t) {
  const auto messages = t.box.of_type(item_type::message);
  if (messages.empty())
    return false;
  const auto id = t.random.pick(messages);
  t.update("mail_item", {id},
           {{"locator", fmt::format("{}", t.box.volume_id)}, {"blob_digest", some_hash(t.random)}},
           fmt::format("mod_content={}", t.box.items.at(id).content_change));
  return true;
}

} // namespace understudy::mailsim

// Tags and folders: created, renamed, moved, shared, emptied, deleted.
#include "tests/tools/mailsim/operations.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy::mailsim {

namespace {

constexpr std::size_t most_tags = 12;
constexpr std::size_t most_folders = 30;

std::uint32_t some_tag(transaction& t) {
  return std::next(t.box.tags.begin(), t.random.below(t.box.tags.size()))->first;
}

// Changes a tag's name within tag_names of all items that carry it (by join), as the mail server does.
void rewrite_tag_names(transaction& t, std::uint32_t tag, const std::string& expression) {
  t.run(fmt::format(
      "UPDATE {} AS i JOIN {} AS g ON g.mailbox_id=i.mailbox_id AND g.item_id=i.id AND g.tag_id={} "
      "SET i.tag_names={}, i.mod_metadata={} WHERE i.mailbox_id={}",
      t.box.table("mail_item"), t.box.table("tagged_item"), tag, expression, t.change(), t.box.mailbox_id));
}

void expect_tag_names(transaction& t, const std::vector<std::uint32_t>& items) {
  for (const auto id : items)
    t.effects.updated(
        "mail_item", {id},
        {{"tag_names", tag_names(t.box, t.box.items.at(id).tags)}, {"mod_metadata", t.change()}});
}

std::vector<std::uint32_t> tagged_with(const mailbox_model& box, std::uint32_t tag) {
  std::vector<std::uint32_t> found;
  for (const auto& [id, one] : box.items)
    if (one.tags.contains(tag))
      found.push_back(id);
  return found;
}

std::string between_nuls(const std::string& name) {
  return std::string(1, '\0') + name + '\0';
}

bool lies_below(const mailbox_model& box, std::uint32_t folder, std::uint32_t above) {
  while (folder != folder_id::root && folder != above)
    folder = box.items.at(folder).folder;
  return folder == above;
}

void rename(transaction& t, std::uint32_t folder, const std::string& name) {
  t.box.items.at(folder).name = name;
  t.update("mail_item", {folder},
           {{"name", name}, {"subject", name}, {"mod_metadata", t.change()}, {"change_date", t.date()}});
}

} // namespace

bool create_tag(transaction& t) {
  if (t.box.tags.size() >= most_tags)
    return false;
  const auto id = t.next_item();
  const auto name = fmt::format("Büro \"{}\"", id);
  t.insert("tag", {{"id", id},
                   {"name", name},
                   {"color", null_unless(t.random.chance(50), 3)},
                   {"item_count", 0},
                   {"unread", 0},
                   {"listed", 1},
                   {"sequence", t.change()},
                   {"policy", nullptr}});
  t.box.tags[id] = {.name = name};
  return true;
}

bool rename_tag(transaction& t) {
  if (t.box.tags.empty())
    return false;
  const auto tag = some_tag(t);
  const auto before = t.box.tags.at(tag).name;
  const auto after = fmt::format("{} {}", tag, some_text(t, 1));
  const auto items = tagged_with(t.box, tag);
  rewrite_tag_names(t, tag,
                    fmt::format("REPLACE(i.tag_names, {}, {})", t.quote(between_nuls(before)),
                                t.quote(between_nuls(after))));
  t.box.tags.at(tag).name = after;
  expect_tag_names(t, items);
  t.update("tag", {tag}, {{"name", after}, {"sequence", t.change()}});
  return true;
}

bool delete_tag(transaction& t) {
  if (t.box.tags.size() < 2)
    return false;
  const auto tag = some_tag(t);
  const auto name = t.quote(between_nuls(t.box.tags.at(tag).name));
  const auto items = tagged_with(t.box, tag);
  rewrite_tag_names(
      t, tag,
      fmt::format("IF(i.tag_names={0}, NULL, REPLACE(i.tag_names, {0}, CHAR(0 USING utf8mb3)))", name));
  for (const auto id : items)
    t.box.items.at(id).tags.erase(tag);
  expect_tag_names(t, items);
  t.remove("tag", {tag}); // its tagged_item rows cascade
  t.box.tags.erase(tag);
  return true;
}

bool create_folder(transaction& t) {
  const auto folders = t.box.user_folders();
  if (folders.size() >= most_folders)
    return false;
  const auto parent = folders.empty() || t.random.chance(60) ? folder_id::root : t.random.pick(folders);
  const auto id = t.next_item();
  const auto name = fmt::format("{} {}", some_text(t, 1), id);
  const item made{.type = item_type::folder, .folder = parent, .parent = parent, .name = name};
  insert_item(t, id, made,
              {{"name", name},
               {"subject", name},
               {"metadata", "d1:ai1e1:vi10e2:vti5ee"},
               {"uuid", fmt::format("{}-{}", t.box.account_id, t.number())}});
  return true;
}

bool rename_folder(transaction& t) {
  auto folders = t.box.user_folders();
  if (folders.empty())
    return false;
  const auto one = t.random.pick(folders);
  const auto parent = t.box.items.at(one).folder;
  std::erase_if(folders, [&](auto id) { return id == one || t.box.items.at(id).folder != parent; });
  if (folders.empty() || t.random.chance(60)) {
    rename(t, one, fmt::format("{} {}", one, some_text(t, 1)));
    return true;
  }
  // Two siblings swap names by way of a third: legal step by step, a duplicate key if steps are merged or
  // reordered.
  const auto other = t.random.pick(folders);
  const auto mine = t.box.items.at(one).name;
  const auto theirs = t.box.items.at(other).name;
  rename(t, one, fmt::format("swap {}", t.change()));
  rename(t, other, mine);
  rename(t, one, theirs);
  return true;
}

bool move_folder(transaction& t) {
  auto folders = t.box.user_folders();
  if (folders.size() < 2)
    return false;
  const auto moved = t.random.pick(folders);
  std::erase_if(folders, [&](auto id) { return lies_below(t.box, id, moved); });
  folders.push_back(folder_id::root);
  const auto target = t.random.pick(folders);
  auto& row = t.box.items.at(moved);
  for (const auto& [id, sibling] : t.box.items)
    if (id != moved && sibling.type == item_type::folder && sibling.folder == target &&
        sibling.name == row.name)
      return false;
  row.folder = row.parent = target;
  t.update("mail_item", {moved},
           {{"folder_id", target},
            {"parent_id", target},
            {"mod_metadata", t.change()},
            {"change_date", t.date()}});
  return true;
}

bool empty_folder(transaction& t) {
  constexpr std::size_t most_in_one_transaction = 1000; // facts §2
  auto folders = t.box.user_folders();
  if (folders.empty())
    return false;
  const auto folder = t.random.pick(folders);
  std::vector<std::uint32_t> contents;
  bool has_folders = false;
  for (const auto& [id, one] : t.box.items) {
    if (one.folder != folder)
      continue;
    if (one.type == item_type::folder)
      has_folders = true;
    else if (contents.size() < most_in_one_transaction)
      contents.push_back(id);
  }
  if (!has_folders && t.random.chance(40))
    contents.push_back(folder);
  if (contents.empty())
    return false;
  hard_delete(t, contents, false);
  return true;
}

bool share_folder(transaction& t) {
  const auto folders = t.box.user_folders();
  if (folders.empty())
    return false;
  const auto folder = t.random.pick(folders);
  t.update("mail_item", {folder},
           {{"mod_metadata", t.change()}, {"metadata", "d1:ad1:g4:user1:r2:rwe1:vi10ee"}});
  t.run(fmt::format("REPLACE INTO zimbra.pending_acl_push (mailbox_id, item_id, date) VALUES ({}, {}, {})",
                    t.box.mailbox_id, folder, t.date() * 1000)); // ms here (facts §1)
  return true;
}

} // namespace understudy::mailsim

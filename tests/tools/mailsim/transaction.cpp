#include "tests/tools/mailsim/transaction.hpp"

#include "tests/tools/record/tables.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace understudy::mailsim {

namespace {

constexpr std::int64_t first_date = 1'700'000'000; // seconds; any fixed moment, so that runs repeat

const record::table_info& table_of(std::string_view name) {
  const auto* found = record::find_table(name);
  if (found == nullptr)
    throw std::logic_error(fmt::format("no table {}", name));
  return *found;
}

row_key key_of(const record::table_info& table, const columns& values) {
  row_key key;
  for (const auto part : table.key)
    for (const auto& [column, value] : values)
      if (column == part)
        key.push_back(value);
  return key;
}

} // namespace

transaction::transaction(fixture::sql_client& sql, mailbox_model& mailbox, seeded_random& numbers,
                         std::uint64_t number)
    : box(mailbox)
    , random(numbers)
    , sql_(sql)
    , number_(number)
    , change_(++mailbox.last_change)
    , date_(first_date + change_) {}

std::string transaction::quote(const column_value& value) const {
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    return fmt::format("{}", *integer);
  if (const auto* text = std::get_if<std::string>(&value))
    return sql_.quote(*text);
  return "NULL";
}

std::string transaction::full_name(std::string_view table) const {
  return table_of(table).in_group ? box.table(table) : fmt::format("zimbra.{}", table);
}

std::string transaction::where(std::string_view table, const row_key& key) const {
  auto condition = fmt::format("{}={}", table == "mailbox" ? "id" : "mailbox_id", box.mailbox_id);
  const auto& info = table_of(table);
  for (std::size_t part = 0; part < info.key.size(); ++part)
    condition += fmt::format(" AND {}={}", info.key[part], quote(key.at(part)));
  return condition;
}

void transaction::insert(std::string_view table, const columns& values, std::string_view verb) {
  std::string names = "mailbox_id";
  auto literals = fmt::format("{}", box.mailbox_id);
  for (const auto& [column, value] : values) {
    names += fmt::format(", {}", column);
    literals += ", " + quote(value);
  }
  run(fmt::format("{} INTO {} ({}) VALUES ({})", verb, full_name(table), names, literals));
  effects.inserted(table, key_of(table_of(table), values), values);
}

void transaction::update(std::string_view table, const row_key& key, const columns& values,
                         std::string_view also) {
  std::string assignments;
  for (const auto& [column, value] : values)
    assignments += fmt::format("{}{}={}", assignments.empty() ? "" : ", ", column, quote(value));
  run(fmt::format("UPDATE {} SET {} WHERE {}{}{}", full_name(table), assignments, where(table, key),
                  also.empty() ? "" : " AND ", also));
  effects.updated(table, key, values);
}

void transaction::remove(std::string_view table, const row_key& key) {
  run(fmt::format("DELETE FROM {} WHERE {}", full_name(table), where(table, key)));
  effects.deleted(table, key);
}

void transaction::touch_folder(std::uint32_t folder, std::int64_t items, std::int64_t unread) {
  auto& row = box.items.at(folder);
  row.size += items;
  row.unread_count += unread;
  folders_.insert(folder);
}

void transaction::touch_tag(std::uint32_t tag, std::int64_t items, std::int64_t unread) {
  auto& row = box.tags.at(tag);
  row.items += items;
  row.unread += unread;
  tags_.insert(tag);
}

void transaction::count_item(const item& one, int direction) {
  touch_folder(one.folder, direction, one.unread ? direction : 0);
  for (const auto tag : one.tags)
    touch_tag(tag, direction, one.unread ? direction : 0);
}

void transaction::write_tail() {
  constexpr std::uint32_t item_step = 20, change_step = 100; // facts §3
  if (mailbox_dirty_ || box.last_item / item_step != box.written_item_checkpoint / item_step ||
      box.last_change / change_step != box.written_change_checkpoint / change_step) {
    update("mailbox", {},
           {{"item_id_checkpoint", std::int64_t{box.last_item}},
            {"contact_count", box.contacts},
            {"size_checkpoint", box.size},
            {"change_checkpoint", std::int64_t{box.last_change}},
            {"new_messages", box.new_messages}});
    box.written_item_checkpoint = box.last_item;
    box.written_change_checkpoint = box.last_change;
  }
  for (const auto folder : folders_) {
    const auto found = box.items.find(folder);
    if (found == box.items.end())
      continue; // deleted by this very transaction
    update("mail_item", {std::int64_t{folder}},
           {{"size", found->second.size},
            {"unread", found->second.unread_count},
            {"metadata", fmt::format("d1:ai1e1:ni{}e2:mdi{}e1:vi10ee", found->second.size, change_)},
            {"mod_metadata", std::int64_t{change_}}});
  }
  for (const auto tag : tags_)
    if (const auto found = box.tags.find(tag); found != box.tags.end())
      update("tag", {std::int64_t{tag}},
             {{"item_count", found->second.items}, {"unread", found->second.unread}});
}

std::string id_list(std::span<const std::uint32_t> ids) {
  std::string list;
  for (const auto id : ids)
    list += fmt::format("{}{}", list.empty() ? "" : ",", id);
  return list;
}

column_value null_unless(bool there_is, column_value value) {
  if (there_is)
    return value;
  return nullptr;
}

column_value tag_names(const mailbox_model& box, const std::set<std::uint32_t>& tags) {
  if (tags.empty())
    return nullptr;
  std::string names(1, '\0');
  for (const auto tag : tags)
    (names += box.tags.at(tag).name) += '\0';
  return names;
}

} // namespace understudy::mailsim

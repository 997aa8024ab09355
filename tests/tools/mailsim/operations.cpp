#include "tests/tools/mailsim/operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace understudy::mailsim {

namespace {

constexpr std::array mix{
    operation{"deliver", 30, deliver},
    operation{"draft", 4, save_draft},
    operation{"copy", 3, copy_message},
    operation{"move", 10, move_messages},
    operation{"read", 10, mark_read},
    operation{"flag", 6, toggle_flag},
    operation{"tag", 5, toggle_tag},
    operation{"index", 3, index_messages},
    operation{"blob_move", 1, move_blob},
    operation{"delete", 6, delete_messages},
    operation{"recover", 2, recover_message},
    operation{"purge", 1, purge},
    operation{"tag_create", 2, create_tag},
    operation{"tag_rename", 1, rename_tag},
    operation{"tag_delete", 1, delete_tag},
    operation{"folder_create", 2, create_folder},
    operation{"folder_rename", 2, rename_folder},
    operation{"folder_move", 1, move_folder},
    operation{"folder_empty", 1, empty_folder},
    operation{"share", 1, share_folder},
    operation{"appointment_create", 3, create_appointment},
    operation{"appointment_modify", 3, modify_appointment},
    operation{"contact_create", 2, create_contact},
    operation{"contact_modify", 2, modify_contact},
    operation{"metadata_set", 2, set_metadata},
    operation{"metadata_delete", 1, delete_metadata},
    operation{"out_of_office", 1, send_out_of_office},
    operation{"schedule", 1, schedule_task},
    operation{"imap_source", 2, sync_imap_source},
    operation{"pop3_source", 1, fetch_pop3_source},
    operation{"data_source", 2, sync_data_source},
    operation{"prune_all", 1, prune_all_mailboxes},
};

// Text that a careless path would change: quotes, backslash, several scripts, combining marks. Nothing beyond
// the basic plane: the mail server strips that (facts §7).
constexpr std::array<std::string_view, 16> words{
    "Rechnung", "meeting",  "Grüße", "O'Brien", "\"quoted\"", "back\\slash", "Привет", "日本語",
    "naïve",    "e\u0301t", "100%",  "Straße",  "a_b",        "señor",       "  two",  "fin;--",
};

} // namespace

std::span<const operation> all_operations() {
  return mix;
}
std::span<const operation> deliveries() {
  return std::span{mix}.first(1);
}

std::vector<std::uint32_t> choose(seeded_random& random, std::vector<std::uint32_t> from, std::size_t most) {
  const auto wanted = std::min<std::size_t>(from.size(), 1 + random.below(most));
  for (std::size_t taken = 0; taken < wanted; ++taken)
    std::swap(from[taken], from[taken + random.below(from.size() - taken)]);
  from.resize(wanted);
  return from;
}

std::string some_text(transaction& t, std::size_t count) {
  std::string text;
  while (count-- > 0)
    text += fmt::format("{}{}", text.empty() ? "" : " ", t.random.pick(words));
  return text;
}

std::string some_hash(seeded_random& random) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string hash;
  while (hash.size() < 27)
    hash += random.pick(letters);
  return hash + "=";
}

void insert_item(transaction& t, std::uint32_t id, const item& one, columns values) {
  columns row{{"id", id},
              {"type", static_cast<int>(one.type)},
              {"parent_id", null_unless(one.parent != 0, one.parent)},
              {"folder_id", one.folder},
              {"date", t.date()},
              {"size", one.size},
              {"unread", one.unread_count},
              {"flags", one.flags},
              {"tags", 0},
              {"tag_names", tag_names(t.box, one.tags)},
              {"mod_metadata", t.change()},
              {"change_date", t.date()},
              {"mod_content", t.change()}};
  row.insert(row.end(), values.begin(), values.end());
  t.insert("mail_item", row);
  auto& kept = t.box.items[id] = one;
  kept.content_change = t.change();
  if (one.type != item_type::conversation && one.type != item_type::folder)
    t.count_item(one, +1);
}

} // namespace understudy::mailsim

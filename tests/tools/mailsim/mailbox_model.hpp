// What the mail server has in memory of one mailbox: enough to write its next transaction.
#pragma once
#include "tests/tools/fixture/sql_client.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace understudy::mailsim {

/// MailItem.Type of the mail server.
enum class item_type : int {
  folder = 1,
  conversation = 4,
  message = 5,
  contact = 6,
  appointment = 11,
};

/// Ids of the folders each mailbox is born with.
namespace folder_id {
inline constexpr std::uint32_t root = 1, inbox = 2, trash = 3, sent = 5, drafts = 6, contacts = 7,
                               calendar = 10;
}

/// System flags are tags with ids below 0; the bit in mail_item.flags is 1 << (-id - 1). Unread has a column
/// instead.
namespace flag {
inline constexpr int attached = -2, replied = -3, flagged = -6, draft = -7, unread = -10;
constexpr int bit(int tag) {
  return 1 << (-tag - 1);
}
} // namespace flag

struct item {
  item_type type = item_type::message;
  std::uint32_t folder = 0;
  std::uint32_t parent = 0; ///< conversation or parent folder; 0 = none
  int flags = 0;
  bool unread = false;
  std::int64_t size = 0; ///< bytes; of a folder or conversation: number of items
  std::int64_t unread_count = 0;
  std::uint32_t content_change = 0;
  std::string name; ///< folders only
  std::set<std::uint32_t> tags{};
};

struct tag_counts {
  std::string name;
  std::int64_t items = 0;
  std::int64_t unread = 0;
};

struct calendar_entry {
  std::uint32_t item = 0;
  std::uint32_t revisions = 0;
};

struct mailbox_model {
  std::string account_id;
  std::string name;
  std::uint32_t mailbox_id = 0;
  std::uint32_t group_id = 0;
  std::uint32_t volume_id = 0;

  std::uint32_t last_item = 0;
  std::uint32_t last_change = 0;
  std::uint32_t written_item_checkpoint = 0;
  std::uint32_t written_change_checkpoint = 0;
  std::int64_t size = 0;
  std::int64_t contacts = 0;
  std::int64_t new_messages = 0;
  bool tracks_deletes = false; ///< tracking_sync > 0: deletes leave tombstones

  std::map<std::uint32_t, item> items;
  std::map<std::uint32_t, tag_counts> tags;                ///< the user's own
  std::map<std::string, std::uint32_t> open_conversations; ///< subject hash → message or conversation
  std::map<std::string, calendar_entry> appointments;      ///< uid → item
  std::set<std::uint32_t> dumpster;                        ///< messages that can be recovered
  std::vector<std::uint32_t> unindexed;
  std::set<std::string> metadata_sections;
  std::map<std::uint32_t, std::vector<std::uint32_t>> imap_folders; ///< item → messages
  std::map<std::string, std::uint32_t> data_source_items;           ///< remote id → item

  std::vector<std::uint32_t> of_type(item_type type) const;
  std::vector<std::uint32_t> messages_in(std::uint32_t folder) const;
  std::vector<std::uint32_t> user_folders() const; ///< those that can be renamed, emptied, deleted
  /// `mboxgroup7.mail_item`
  std::string table(std::string_view name) const;
};

/// Reads the mailbox as the mail server does when it loads one: by account name, with checkpoints rounded up
/// so that no id is used twice (facts §4). Waits for transactions of the account that are in their COMMIT:
/// its last client may have been cut off there. False if this host has no mailbox of that name.
bool load_mailbox(fixture::sql_client& sql, const std::string& name, mailbox_model& model);

} // namespace understudy::mailsim

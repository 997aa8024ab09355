// What the mail server does to a mailbox, one function an operation (facts §2).
#pragma once
#include "tests/tools/mailsim/transaction.hpp"

#include <span>

namespace understudy::mailsim {

struct operation {
  std::string_view name;
  unsigned weight;               ///< how often, relative to the others
  bool (*perform)(transaction&); ///< false: this mailbox has nothing it could be done to; nothing was written
};

/// The whole mix.
std::span<const operation> all_operations();
/// Deliveries only.
std::span<const operation> deliveries();

bool deliver(transaction& t);
/// Saves a draft, or an existing one again.
bool save_draft(transaction& t);
bool copy_message(transaction& t);
bool move_messages(transaction& t);
bool mark_read(transaction& t);
bool toggle_flag(transaction& t);
bool toggle_tag(transaction& t);
bool index_messages(transaction& t);
bool move_blob(transaction& t);

bool delete_messages(transaction& t);
bool recover_message(transaction& t);
bool purge(transaction& t);

bool create_tag(transaction& t);
bool rename_tag(transaction& t);
bool delete_tag(transaction& t);
bool create_folder(transaction& t);
bool rename_folder(transaction& t);
bool move_folder(transaction& t);
bool empty_folder(transaction& t);
bool share_folder(transaction& t);

bool create_appointment(transaction& t);
bool modify_appointment(transaction& t);
bool create_contact(transaction& t);
bool modify_contact(transaction& t);

bool set_metadata(transaction& t);
bool delete_metadata(transaction& t);
bool send_out_of_office(transaction& t);
bool schedule_task(transaction& t);
bool sync_imap_source(transaction& t);
bool fetch_pop3_source(transaction& t);
bool sync_data_source(transaction& t);
/// What timers do to the rows of all mailboxes at once (facts §2): nothing of it is in the record.
bool prune_all_mailboxes(transaction& t);

// Shared by the operations.
inline constexpr std::size_t most_items = 8; ///< of one user action; the mail server takes up to 1000
/// Up to `most_items` different ones.
std::vector<std::uint32_t> choose(seeded_random& random, std::vector<std::uint32_t> from,
                                  std::size_t most = most_items);
/// Inserts a mail_item row and takes it into the model and the folder's and tags' counts.
void insert_item(transaction& t, std::uint32_t id, const item& one, columns values);
/// Deletes items with their rows, keeps conversations, counts and tombstones right.
void hard_delete(transaction& t, const std::vector<std::uint32_t>& ids, bool keep_in_dumpster);
std::string some_text(transaction& t, std::size_t words);
std::string some_hash(seeded_random& random); ///< 28 characters of base64, as open_conversation.hash

} // namespace understudy::mailsim

#include "bench/programs/mailbox_writer.hpp"

#include <fmt/format.h>

#include <iterator>

namespace understudy::bench {

namespace {

constexpr std::uint64_t first_date = 1'700'000'000; // seconds, as mailsim has it

// 28 characters like a base64 SHA-1, different for each seed.
std::string hash_of(std::uint64_t seed) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string hash;
  for (int at = 0; at < 27; ++at) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    hash += letters[seed >> 58U];
  }
  return hash + "=";
}

std::uint64_t number(const std::optional<std::string>& value) {
  return value ? std::stoull(*value) : 0;
}

} // namespace

std::vector<mailbox_writer> mailbox_writer::load(fixture::sql_client& sql) {
  const auto volume = sql.value("SELECT message_volume_id FROM zimbra.current_volumes");
  std::vector<mailbox_writer> all;
  for (const auto& row :
       sql.query("SELECT id, group_id, account_id, comment, size_checkpoint FROM zimbra.mailbox "
                 "ORDER BY id")) {
    auto& one = all.emplace_back();
    one.id_ = static_cast<std::uint32_t>(number(row[0]));
    one.group_ = "mboxgroup" + row[1].value_or("");
    one.account_id_ = row[2].value_or("");
    one.name_ = row[3].value_or("");
    one.size_ = number(row[4]);
    one.volume_ = volume;
    const auto counters = sql.query(fmt::format(
        "SELECT (SELECT MAX(id) FROM {0}.mail_item WHERE mailbox_id={1}), (SELECT MAX(mod_metadata) FROM "
        "{0}.mail_item WHERE mailbox_id={1}), size, unread FROM {0}.mail_item WHERE mailbox_id={1} AND id=2",
        one.group_, one.id_));
    if (counters.empty())
      throw fixture::sql_error(0, "mailbox " + one.name_ + " has no inbox");
    one.last_item_ = std::max<std::uint64_t>(number(counters[0][0]), 255); // system items end there
    one.last_change_ = number(counters[0][1]);
    one.inbox_ = number(counters[0][2]);
    one.unread_ = number(counters[0][3]);
  }
  return all;
}

void mailbox_writer::deliver(fixture::sql_client& sql) {
  const auto item = ++last_item_;
  const auto change = ++last_change_;
  const auto date = first_date + change;
  const auto seed = (std::uint64_t{id_} << 32U) + item;
  const auto bytes = 2000 + seed * 7919 % 60000;
  size_ += bytes;
  ++inbox_;
  ++unread_;
  const auto send = [&]<class... Args>(fmt::format_string<Args...> text, Args&&... args) {
    statement_.clear();
    fmt::format_to(std::back_inserter(statement_), text, std::forward<Args>(args)...);
    sql.query(statement_);
  };
  constexpr std::string_view subject = "Re: Rechnung naïve Grüße meeting O\\'Brien Привет";
  send("INSERT INTO {}.mail_item (mailbox_id, id, type, parent_id, folder_id, date, size, unread, flags, "
       "tags, "
       "tag_names, mod_metadata, change_date, mod_content, index_id, imap_id, locator, blob_digest, sender, "
       "recipients, subject, metadata, uuid) VALUES ({}, {}, 5, NULL, 2, {}, {}, 1, 0, 0, NULL, {}, {}, {}, "
       "0, {}, "
       "'{}', '{}digest', 'Ж. O\\'Neill', '{}', '{}', 'd1:f48:{}1:s20:sender@example.test2:to{}:{}1:vi10ee', "
       "'{}-{}')",
       group_, id_, item, date, bytes, change, date, change, item, volume_, hash_of(seed), name_, subject,
       subject, name_.size(), name_, account_id_, item);
  send("INSERT INTO {0}.tagged_item (mailbox_id, tag_id, item_id) SELECT mailbox_id, id, {1} FROM {0}.tag "
       "WHERE "
       "mailbox_id={2} AND id IN (-10)",
       group_, item, id_);
  for (const auto salt : {1U, 2U}) // by subject, by Message-ID
    send("REPLACE INTO {}.open_conversation (mailbox_id, hash, conv_id) VALUES ({}, '{}', {})", group_, id_,
         hash_of(seed + (std::uint64_t{salt} << 60U)), item);
  send("UPDATE zimbra.mailbox SET item_id_checkpoint={}, contact_count=0, size_checkpoint={}, "
       "change_checkpoint={}, "
       "new_messages={} WHERE id={}",
       item, size_, change, unread_, id_);
  send("UPDATE {}.mail_item SET size={}, unread={}, metadata='d1:ai1e1:ni{}e2:mdi{}e1:vi10ee', "
       "mod_metadata={} WHERE "
       "mailbox_id={} AND id=2",
       group_, inbox_, unread_, inbox_, change, change, id_);
}

} // namespace understudy::bench

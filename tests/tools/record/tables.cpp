#include "tests/tools/record/tables.hpp"

#include <algorithm>
#include <array>

namespace understudy::record {

namespace {

using names = std::string_view;
constexpr std::array by_id{names{"id"}};
constexpr std::array by_item{names{"item_id"}};
constexpr std::array by_tag_item{names{"tag_id"}, names{"item_id"}};
constexpr std::array by_hash{names{"hash"}};
constexpr std::array by_uid{names{"uid"}};
constexpr std::array by_version{names{"item_id"}, names{"version"}};
constexpr std::array by_sequence{names{"sequence"}, names{"type"}};
constexpr std::array by_source_hash{names{"data_source_id"}, names{"hash"}};
constexpr std::array by_source_item{names{"data_source_id"}, names{"item_id"}};
constexpr std::array by_section{names{"section"}};
constexpr std::array by_sent_to{names{"sent_to"}};
constexpr std::array by_task{names{"class_name"}, names{"name"}};

constexpr std::array all{
    table_info{"mail_item", true, by_id, "", ""},
    table_info{"tag", true, by_id, "", ""},
    table_info{"tagged_item", true, by_tag_item, "item_id", "tag_id"},
    table_info{"open_conversation", true, by_hash, "conv_id", ""},
    table_info{"appointment", true, by_uid, "item_id", ""},
    table_info{"revision", true, by_version, "item_id", ""},
    table_info{"tombstone", true, by_sequence, "", ""},
    table_info{"mail_item_dumpster", true, by_id, "", ""},
    table_info{"appointment_dumpster", true, by_uid, "", ""},
    table_info{"revision_dumpster", true, by_version, "", ""},
    table_info{"imap_folder", true, by_item, "", ""},
    table_info{"imap_message", true, by_item, "", ""},
    table_info{"pop3_message", true, by_item, "", ""},
    table_info{"data_source_item", true, by_item, "", ""},
    table_info{"purged_conversations", true, by_source_hash, "", ""},
    table_info{"purged_messages", true, by_source_item, "", ""},
    table_info{"mailbox", false, {}, "", ""},
    table_info{"mailbox_metadata", false, by_section, "", ""},
    table_info{"out_of_office", false, by_sent_to, "", ""},
    table_info{"scheduled_task", false, by_task, "", ""},
};

constexpr std::array host_columns{names{"mailbox_id"}, names{"index_id"}, names{"locator"},
                                  names{"index_volume_id"}, names{"group_id"}};

} // namespace

std::span<const table_info> tables() {
  return all;
}

const table_info* find_table(std::string_view name) {
  const auto found = std::ranges::find(all, name, &table_info::name);
  return found == all.end() ? nullptr : &*found;
}

bool host_local(std::string_view column) {
  return std::ranges::find(host_columns, column) != host_columns.end();
}

} // namespace understudy::record

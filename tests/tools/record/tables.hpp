// The account tables that the workload program writes, as its record and the comparison know them.
#pragma once
#include <span>
#include <string_view>

namespace understudy::record {

struct table_info {
  std::string_view name;                 ///< without database
  bool in_group;                         ///< in mboxgroupN; else in zimbra
  std::span<const std::string_view> key; ///< identifies a row within one account (mailbox_id left out)
  /// Columns that point to a mail_item whose delete cascades here (facts §7); empty: none.
  std::string_view cascades_from_item;
  std::string_view cascades_from_tag;
};

/// All of them. pending_acl_push isn't among them: every host prunes it by itself (facts §2).
std::span<const table_info> tables();
/// nullptr if the table isn't known.
const table_info* find_table(std::string_view name);

/// Columns whose values are a host's own (facts §5): never recorded, never compared.
bool host_local(std::string_view column);

} // namespace understudy::record

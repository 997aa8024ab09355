// The profile's answer to capture's question which tables concern it: by names alone, or by what discovery
// found. Immutable, so readable from any thread; after DDL a new one is made from a new catalog.
#pragma once
#include "storage/binlog/table_routing.hpp"
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"

#include <memory>
#include <set>

namespace understudy {

/// Database of our own tables (R11, R36).
inline constexpr std::string_view own_database = "understudy";

class profile_routing final : public table_routing {
public:
  /// By names alone: every table of a group database that is neither a shadow nor on the never list is taken
  /// for an account table. Where TABLE_MAP then has no mailbox column, its rows belong to nobody.
  explicit profile_routing(std::shared_ptr<const profile> rules);
  /// By discovery: a group table that the catalog knows to lack the mailbox column is ignored; a table that
  /// the catalog doesn't know (created later, or renamed since while capture lags: M02) goes by its name.
  profile_routing(std::shared_ptr<const profile> rules, const schema_catalog& discovered);

  table_route route(std::string_view database, std::string_view table) const override;
  bool holds_accounts(std::string_view database) const override;

private:
  std::shared_ptr<const profile> rules_;
  std::set<table_name> without_mailbox_;
};

/// A table of one account, as discovered.
struct account_table {
  std::string logical_name;
  std::string mailbox_column;
  const catalog_table* definition = nullptr; ///< lives in the catalog
};

/// The account tables of one group as the catalog has them: the registry first, then the shared tables and
/// the group database's, each behind those that its foreign keys refer to (self-references aside). That is
/// the order to load in and, backwards, to delete in.
std::vector<account_table> account_tables(const profile& rules, const schema_catalog& catalog,
                                          group_number group);

} // namespace understudy

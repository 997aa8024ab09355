// One replicated table, mboxgroup7.item, for tests that capture without a profile.
#pragma once
#include "storage/binlog/table_routing.hpp"

namespace understudy {

class item_routing final : public table_routing {
public:
  table_route route(std::string_view database, std::string_view table) const override {
    table_route out;
    if (database == "mboxgroup7" && table == "item") {
      out.what = table_route::kind::account_rows;
      out.logical_name = "mboxgroup/item";
      out.mailbox_column = "mailbox_id";
    }
    return out;
  }
  bool holds_accounts(std::string_view database) const override { return database == "mboxgroup7"; }
};

} // namespace understudy

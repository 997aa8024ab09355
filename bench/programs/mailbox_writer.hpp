// Deliveries into one mailbox: the statements that mailsim's `deliver` sends for a message that opens a
// thread, without its record and its model, so that the client takes little of the machine that is measured.
#pragma once
#include "tests/tools/fixture/sql_client.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace understudy::bench {

/// One mailbox's counters, as its rows have them. One thread at a time.
class mailbox_writer {
public:
  /// Sends a delivery's statements but not its COMMIT. Throws fixture::sql_error.
  void deliver(fixture::sql_client& sql);
  /// All mailboxes of the server, ordered by id.
  static std::vector<mailbox_writer> load(fixture::sql_client& sql);

private:
  std::uint32_t id_ = 0;
  std::string group_; ///< its database
  std::string account_id_;
  std::string name_;
  std::string volume_;
  std::uint64_t last_item_ = 0;
  std::uint64_t last_change_ = 0;
  std::uint64_t size_ = 0;   ///< of the mailbox
  std::uint64_t inbox_ = 0;  ///< messages in it
  std::uint64_t unread_ = 0; ///< of them
  std::string statement_;    ///< reused
};

} // namespace understudy::bench

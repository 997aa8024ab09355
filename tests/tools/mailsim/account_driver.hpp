// Drives one account: one operation after the other, each written down before its COMMIT and after its
// answer.
#pragma once
#include "tests/tools/mailsim/operations.hpp"

#include <chrono>
#include <optional>

namespace understudy::mailsim {

struct drive_result {
  record::outcome told = record::outcome::ok;
  std::chrono::microseconds commit_time{}; ///< from sending COMMIT to its answer
  bool connection_lost = false;            ///< the connection is of no further use
  std::string error;
};

/// Driven by one thread at a time (the mail server's mailbox lock).
class account_driver {
public:
  /// `next_number` is 1 for a new account, else one above the record's last.
  account_driver(std::string name, std::uint64_t seed, std::uint64_t next_number,
                 record::record_writer& record);

  const std::string& name() const { return model_.name; }
  const std::string& account_id() const { return model_.account_id; }

  /// Makes the model equal to what is in this server; false if it has no such mailbox.
  bool load(fixture::sql_client& sql);
  drive_result create(fixture::sql_client& sql, std::uint32_t start_id);
  drive_result remove(fixture::sql_client& sql);
  /// One operation of the mix, chosen by the account's own random numbers.
  drive_result step(fixture::sql_client& sql, std::span<const operation> mix);

private:
  template <class Body>
  drive_result run(fixture::sql_client& sql, Body&& body);
  drive_result commit(fixture::sql_client& sql);

  mailbox_model model_;
  std::uint64_t seed_;
  seeded_random random_;
  std::uint64_t next_number_;
  record::record_writer& record_;
  bool loaded_ = false;
};

} // namespace understudy::mailsim

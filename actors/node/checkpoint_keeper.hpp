// Stores where capture stands, so that a restart goes on from there (R7, R11, R12). One thread.
#pragma once
#include "actors/source/account_log.hpp"
#include "actors/source/checkpoint_history.hpp"
#include "actors/source/known_accounts.hpp"
#include "storage/state/sql_session.hpp"

#include <memory>
#include <optional>

namespace understudy {

class checkpoint_keeper {
public:
  checkpoint_keeper(sql_options local, std::shared_ptr<settlement> settle,
                    std::shared_ptr<known_accounts> accounts, std::shared_ptr<account_log> log);
  /// Takes a checkpoint and stores it. What can't be stored now is in the next one. Blocking.
  void keep();

private:
  result<void> store(const settlement::checkpoint& taken, const std::vector<captured_account>& changed);

  sql_options local_;
  std::shared_ptr<settlement> settle_;
  std::shared_ptr<known_accounts> accounts_;
  std::shared_ptr<account_log> log_;
  std::optional<sql_session> session_;
  checkpoint_history history_;
  bool fails_ = false; ///< said already
};

} // namespace understudy

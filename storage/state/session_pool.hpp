// Connections that are used again: to connect and set up takes longer than most short jobs do.
#pragma once
#include "storage/state/sql_session.hpp"

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace understudy {

class session_pool {
public:
  /// A session for one job. It goes back when this ends, its transaction rolled back if one is still open.
  class borrowed {
  public:
    borrowed(session_pool& home, sql_session session)
        : home_(&home)
        , session_(std::move(session)) {}
    borrowed(borrowed&& other) noexcept
        : home_(other.home_)
        , session_(std::exchange(other.session_, std::nullopt)) {}
    borrowed& operator=(borrowed&&) = delete;
    ~borrowed() {
      if (session_)
        home_->give_back(std::move(*session_));
    }
    sql_session& operator*() { return *session_; }
    sql_session* operator->() { return &*session_; }

  private:
    session_pool* home_;
    std::optional<sql_session> session_;
  };

  /// At most `most_idle` sessions are kept that nobody uses.
  session_pool(sql_options how, std::size_t most_idle)
      : how_(std::move(how))
      , most_idle_(most_idle) {}

  /// Any thread, blocking. The pool must outlive what it lends.
  sql_result<borrowed> borrow();
  /// Closes those that nobody uses. Any thread.
  void rest();

private:
  void give_back(sql_session session);

  sql_options how_;
  std::size_t most_idle_;
  std::mutex mutex_;
  std::vector<sql_session> idle_;
};

} // namespace understudy

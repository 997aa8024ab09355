#include "storage/apply/applier.hpp"

#include "storage/apply/apply_batch.hpp"

#include <fmt/format.h>

namespace understudy {

struct applier::parts {
  applier_state state;
  parts(applier_options options, std::shared_ptr<const profile> rules, sql_session session)
      : state{std::move(options), std::move(rules), std::move(session)} {}
};

applier::applier(std::unique_ptr<parts> p)
    : parts_(std::move(p)) {}
applier::~applier() = default;

result<std::unique_ptr<applier>> applier::open(applier_options options,
                                               std::shared_ptr<const profile> rules) {
  options.connection.setup = options.logged ? standard_setup() : local_setup();
  for (auto& statement : applier_setup())
    options.connection.setup.push_back(std::move(statement));
  options.connection.setup.push_back(fmt::format(
      "SET SESSION innodb_lock_wait_timeout={0}, lock_wait_timeout={0}", options.lock_wait.count()));
  auto session = sql_session::open(options.connection);
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  auto made = std::make_unique<parts>(std::move(options), std::move(rules), std::move(*session));
  if (auto ready = made->state.prepare(); !ready)
    return tl::make_unexpected(ready.error());
  return std::unique_ptr<applier>(new applier(std::move(made)));
}

result<std::vector<apply_outcome>> applier::apply(const std::vector<account_batch>& batch) {
  apply_batch work(parts_->state, batch);
  if (auto done = work.settle(); !done)
    return tl::make_unexpected(done.error());
  return work.outcomes();
}

void applier::refresh_schema() {
  parts_->state.schema_is_old = true;
}
const applier_counters& applier::counters() const {
  return parts_->state.counters;
}

} // namespace understudy

#include "actors/replica/replica_side.hpp"

#include "actors/replica/replica_services.hpp"

namespace understudy {

struct replica_side::parts {
  std::shared_ptr<replica_services> services;
};

replica_side::replica_side(options o)
    : parts_(std::make_unique<parts>()) {
  parts_->services = std::make_shared<replica_services>(std::move(o));
}

replica_side::~replica_side() {
  stop();
}

result<void> replica_side::start() {
  return parts_->services->start(parts_->services);
}
void replica_side::stop() {
  parts_->services->stop();
}

void replica_side::each_copy_found(const std::function<void(const replica_record&)>& each) const {
  parts_->services->each_copy_found(each);
}

void replica_side::follow(followed what) {
  parts_->services->follow(std::move(what));
}

void replica_side::await(const account_id& account, kafka_offset request) {
  parts_->services->await(account, request);
}

bool replica_side::awaits(const account_id& account, kafka_offset request) const {
  return parts_->services->awaits(account, request);
}

void replica_side::unfollow(const account_id& account, bool remove_rows) {
  parts_->services->leave(account, remove_rows, {});
}

void replica_side::become_source(const account_id& account, std::function<void()> done) {
  parts_->services->leave(account, false, std::move(done));
}

void replica_side::park(const account_id& account, const std::string& reason) {
  parts_->services->park(account, reason);
}

void replica_side::pause(const account_id& account) {
  parts_->services->pause(account, true);
}
void replica_side::resume(const account_id& account) {
  parts_->services->pause(account, false);
}

void replica_side::schema_changed() {
  parts_->services->pool().refresh_schema();
}

void replica_side::control_folded(kafka_offset) {
  parts_->services->control_folded();
}

std::optional<replica_side::figures> replica_side::figures_of(const account_id& account) const {
  auto now = parts_->services->board().figures_of(account);
  if (now && now->state == "ready" && parts_->services->reader().connected()) {
    now->read = parts_->services->pool().read_up_to(account);
    now->waits_since_us = parts_->services->pool().oldest_commit_us(account);
  }
  return now;
}

replica_side::totals replica_side::totals_now() const {
  auto& services = *parts_->services;
  totals now;
  now.accounts = services.board().size();
  now.parked = services.reader().parked();
  now.backlog_bytes = services.pool().bytes();
  now.backlog_events = services.pool().waiting_events();
  now.kafka_connected = services.reader().connected();
  now.reading_paused = services.reader().paused();
  return now;
}

} // namespace understudy

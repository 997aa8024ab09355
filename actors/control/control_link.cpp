#include "actors/control/control_link.hpp"

#include "events/control/control_codec.hpp"
#include "events/log/topic_names.hpp"
#include "events/model/named_thread.hpp"

namespace understudy {
namespace {

constexpr partition_id only_partition{0};
/// Promotions wait for control, so the thread waits there; leases are looked at in between.
constexpr std::chrono::milliseconds poll_time{10};
constexpr std::size_t records_a_poll = 2000;
constexpr std::chrono::seconds ask_patience{10};
/// Kafka is asked at each heartbeat. A lease without an answer ends the lease; whoever waits for an election
/// longer than for two can't reach it.
constexpr int leases_unanswered = 2;
/// Commits wait for a lease that isn't renewed, as at each start of a node: whether it may be is asked again
/// soon, and after twice as long each time.
constexpr std::chrono::milliseconds ask_again{20};

boot_time after(boot_time from, std::chrono::milliseconds wait) {
  return boot_time(from.value + std::chrono::nanoseconds(wait).count());
}

} // namespace

control_link::control_link(options o)
    : options_(std::move(o))
    , life_(options_.first_life)
    , ask_again_(ask_again) {}

control_link::~control_link() {
  stop();
}

result<void> control_link::take_name(const std::function<bool()>& stopping) {
  if (auto opened = open(); !opened)
    return opened;
  while (!leases_own_) {
    if (stopping())
      return failure("stopped while reading the leases", {}, true);
    begin_again_if_fatal();
    read_leases(poll_time);
  }
  return {};
}

result<void> control_link::start() {
  if (!leases_)
    if (auto opened = open(); !opened)
      return opened;
  thread_ = named_thread("control-link", [this] { run(); });
  return {};
}

result<void> control_link::open() {
  auto control = partition_reader::open(options_.kafka, topic::control);
  if (!control)
    return tl::make_unexpected(control.error());
  auto leases = partition_reader::open(options_.kafka, topic::leases);
  if (!leases)
    return tl::make_unexpected(leases.error());
  auto asker = partition_reader::open(options_.kafka, topic::control);
  if (!asker)
    return tl::make_unexpected(asker.error());
  asker_ = std::move(*asker);
  control_ = std::move(*control);
  leases_ = std::move(*leases);
  for (auto* reader : {leases_.get(), control_.get()})
    reader->find_leaders(ask_patience); // or reading begins up to a second later
  const auto marks = leases_->watermarks_of(only_partition, ask_patience);
  if (!marks)
    return tl::make_unexpected(marks.error());
  if (auto added = leases_->add(only_partition, marks->low); !added)
    return added;
  if (auto added = control_->add(only_partition, options_.control_from); !added)
    return added;
  open_producer();
  begin_life();
  return {};
}

void control_link::open_producer() {
  producer_callbacks callbacks;
  callbacks.on_delivery = [this](delivery&& report) { // what counts is what was read back (R18, R25)
    if (report.outcome == produce_outcome::topic_unavailable)
      fatal_ = true; // a new life says again, in order, what wasn't
    else if (report.outcome == produce_outcome::refused || report.outcome == produce_outcome::too_large)
      options_.report(fmt::format("Kafka refuses a record of control or leases: {}", report.text));
  };
  callbacks.on_fatal = [this](const error& why) {
    options_.report(fmt::format("the Kafka producer of control and leases gave up: {}", why.what));
    fatal_ = true;
  };
  auto opened = producer::start(options_.kafka, {}, std::move(callbacks));
  const std::lock_guard lock(mutex_);
  if (opened)
    producer_ = std::move(*opened);
  else
    options_.report(opened.error().what);
}

void control_link::begin_life() {
  control_own_ = leases_own_ = false;
  const writer self{options_.node, life_};
  options_.lease->change([&](lease_view& view) { view.begins(life_); });
  send_lease({self, lease_incarnation{}});
  // At once, though nothing is decided yet: a topic that a producer first writes to later is looked up only
  // after up to a second, for which each start's commits would wait.
  control_record begin;
  begin.from = self;
  begin.id = fmt::format("{}-{}-begin", options_.node, life_);
  begin.origin.by = options_.node.value;
  begin.events.emplace_back(control_incarnation{});
  send_control(begin);
  std::deque<control_record> again;
  {
    const std::lock_guard lock(mutex_);
    for (auto& record : not_read_back_)
      record.from = self;
    again = not_read_back_;
  }
  for (const auto& record : again)
    send_control(record);
}

void control_link::end_thread() {
  stopping_ = true;
  if (thread_.joinable())
    thread_.join();
}

void control_link::stop() {
  end_thread();
  std::shared_ptr<producer> last;
  {
    const std::lock_guard lock(mutex_);
    last = std::move(producer_);
  }
  if (last)
    last->stop(std::chrono::milliseconds(500));
}

bool control_link::connected() const {
  if (!control_ || !control_->connected())
    return false;
  const auto answered = answered_.load();
  return answered == 0 ||
         boot_now().value - answered <
             std::chrono::nanoseconds(options_.lease->rules().lease * leases_unanswered).count();
}

std::string control_link::why_not_renewing() const {
  const std::lock_guard lock(mutex_);
  return why_not_renewing_;
}

void control_link::begin_again_if_fatal() {
  if (!fatal_.exchange(false))
    return;
  std::shared_ptr<producer> old;
  {
    const std::lock_guard lock(mutex_);
    old = std::move(producer_);
    life_ = life_.next();
  }
  if (old)
    old->stop(std::chrono::milliseconds::zero());
  open_producer();
  begin_life();
}

void control_link::run() {
  options_.on_leases(); // what take_name() read
  while (!stopping_) {
    begin_again_if_fatal();
    if (read_leases(std::chrono::milliseconds(1)))
      options_.on_leases();
    read_control();
    if (boot_now() >= next_heartbeat_)
      heartbeat();
  }
}

bool control_link::read_leases(std::chrono::milliseconds patience) {
  auto fetched = leases_->poll(records_a_poll, patience);
  for (const auto& trouble : fetched.events) {
    options_.report(fmt::format("understudy.leases: {}", trouble.text));
    options_.lease->change([](lease_view& view) { view.fold_break(boot_now()); });
    if (trouble.kind == reader_trouble::unavailable)
      continue;
    (void)leases_->seek(only_partition, trouble.low);
    // Who claimed this node takes it to have read that until a new life of it begins, as at a start.
    fatal_ = true;
  }
  if (fetched.records.empty())
    return false;
  for (const auto& raw : fetched.records) {
    auto record = decode_lease_record(raw.payload);
    if (!record) {
      options_.report(fmt::format("understudy.leases, offset {}: {}", raw.offset, record.error().what));
      continue;
    }
    if (record->from.node == options_.node && record->from.life >= life_ &&
        std::holds_alternative<lease_incarnation>(record->body))
      leases_own_ = true;
    options_.lease->change([&](lease_view& view) { view.fold(*record, {raw.offset, raw.time, boot_now()}); });
    compare_rules(*record);
  }
  caught_up_ = control_own_ && leases_own_;
  return true;
}

void control_link::compare_rules(const lease_record& record) {
  const auto* theirs = std::get_if<renewal>(&record.body);
  // What lies before this life's own record may be of a configuration that is corrected by now.
  if (theirs == nullptr || !theirs->lease || !leases_own_ || !options_.warn)
    return;
  const auto& own = options_.lease->rules();
  const auto skew = theirs->skew.value_or(own.skew);
  auto& told = told_rules_[record.from.node];
  if (std::exchange(told, std::pair(*theirs->lease, skew)) == told || told == std::pair(own.lease, own.skew))
    return;
  options_.warn(fmt::format(
      "{} has another `[cluster] lease` or `skew` than this node: {} and {} ms there, {} "
      "and {} ms here; whoever takes over waits by the longer; set the same on all nodes",
      record.from.node, theirs->lease->count(), skew.count(), own.lease.count(), own.skew.count()));
}

void control_link::read_control() {
  auto fetched = control_->poll(records_a_poll, poll_time);
  for (const auto& trouble : fetched.events) {
    options_.report(fmt::format("understudy.control: {}", trouble.text));
    if (trouble.kind == reader_trouble::unavailable)
      continue;
    control_lost_ = trouble.text;
    if (options_.lost)
      options_.lost({control_lost_,
                     "what was decided can't be told: nothing is acknowledged until Kafka has it again"});
  }
  if (fetched.records.empty())
    return;
  std::vector<read_record> batch;
  batch.reserve(fetched.records.size());
  for (const auto& raw : fetched.records) {
    auto record = decode_control_record(raw.payload);
    if (record && record->from.node == options_.node) {
      if (record->from.life >= life_ && !std::exchange(control_own_, true))
        own_control_ = raw.offset;
      const std::lock_guard lock(mutex_);
      std::erase_if(not_read_back_, [&](const control_record& sent) { return sent.id == record->id; });
    }
    batch.push_back({raw.offset, raw.time, std::move(record)});
  }
  options_.on_control(std::move(batch));
  caught_up_ = control_own_ && leases_own_;
}

void control_link::check_control_end() {
  const auto asked = boot_now();
  const auto marks = asker_->watermarks_of(only_partition, options_.heartbeat);
  if (marks)
    answered_ = asked.value;
  // Behind the end is another log, or what a leader tells that is none any more (R19).
  if (marks && control_->position(only_partition) == marks->high && control_->is_proven(only_partition))
    control_end_ = asked;
}

/// A claim that the claimed node's new life didn't read, because it was gone from the log, carries nothing.
void control_link::check_leases_begin() {
  if (!options_.lease->ask([](const lease_view& view) { return view.asks_for_range(); }))
    return;
  if (const auto marks = asker_->watermarks_of(topic::leases, only_partition, options_.heartbeat))
    options_.lease->change([&](lease_view& view) { view.fold_range(marks->low, marks->high); });
}

void control_link::heartbeat() {
  // A third of the lease: one lost renewal doesn't end it.
  const auto interval = std::min(options_.heartbeat, options_.lease->rules().lease / 3);
  const auto begun = boot_now();
  check_control_end();
  check_leases_begin();
  auto facts = options_.facts();
  facts.control_read_to_end = caught_up_ ? control_end_ : std::nullopt;
  // What was decided isn't to be known any more: whoever acknowledges all the same may be somebody else
  // (R21).
  auto why =
      control_lost_.empty() ? why_not_renew(facts, boot_now(), options_.lease->rules()) : control_lost_;
  const bool may = why.empty();
  {
    const std::lock_guard lock(mutex_);
    why_not_renewing_ = std::move(why);
  }
  if (may) {
    renewal body;
    body.process = options_.process;
    body.started_ms = options_.started_ms;
    body.number = ++renewals_;
    body.sent = boot_now();
    body.rules = rules_version;
    body.lease = options_.lease->rules().lease;
    body.skew = options_.lease->rules().skew;
    send_lease({{options_.node, life_}, body});
  }
  next_heartbeat_ = may ? after(begun, interval) : after(boot_now(), std::min(interval, ask_again_));
  ask_again_ = may ? ask_again : std::min(interval, ask_again_ * 2);
  options_.on_leases();
}

void control_link::append(control_record record) {
  {
    const std::lock_guard lock(mutex_);
    record.from = {options_.node, life_};
    not_read_back_.push_back(record);
  }
  send_control(record);
}

void control_link::claim(const node_name& against, kafka_offset folded) {
  understudy::claim body;
  body.against = against;
  body.process = options_.process;
  body.sent = boot_now();
  body.control = folded;
  send_lease({{options_.node, life_}, body});
}

void control_link::resign(const std::string& reason) {
  end_thread();
  send_lease({{options_.node, life_}, resignation{options_.process, reason}});
  options_.lease->change([](lease_view& view) { view.resigned(boot_now()); });
}

void control_link::send_lease(const lease_record& record) {
  const std::lock_guard lock(mutex_);
  // A lost renewal is replaced by the next one; a claim that isn't read back is made again by who needs it.
  if (producer_)
    (void)producer_->produce(topic::leases, only_partition, options_.node.value, encode(record), 0);
}

void control_link::send_control(const control_record& record) {
  const std::lock_guard lock(mutex_);
  if (!producer_)
    return;
  const auto taken =
      producer_->produce(topic::control, only_partition, options_.node.value, encode(record), 0);
  if (!taken)
    options_.report(
        fmt::format("a record for understudy.control waits for a new producer: {}", taken.error().what));
}

} // namespace understudy

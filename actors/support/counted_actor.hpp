// How many messages wait for the actors of a kind, and how many they took: CAF itself doesn't count them.
#pragma once
#include <caf/mailbox_element.hpp>

#include <atomic>
#include <cstdint>
#include <memory>

namespace caf {
class execution_unit;
}

namespace understudy {

/// Of all actors of a kind together.
struct message_counts {
  std::atomic<std::uint64_t> waiting{0}; ///< in mailboxes, or being worked on
  std::atomic<std::uint64_t> taken{0};   ///< worked on, or dropped because the actor had ended
};

/// Counted for as long as it exists, so whatever way it leaves the mailbox.
class counted_element final : public caf::mailbox_element {
public:
  counted_element(caf::mailbox_element_ptr inside, std::shared_ptr<message_counts> counts)
      : caf::mailbox_element(std::move(inside->sender), inside->mid, std::move(inside->stages))
      , inside_(std::move(inside))
      , counts_(std::move(counts)) {
    ++counts_->waiting;
  }
  ~counted_element() override {
    --counts_->waiting;
    ++counts_->taken;
  }
  caf::type_erased_tuple& content() override { return inside_->content(); }
  const caf::type_erased_tuple& content() const override { return std::as_const(*inside_).content(); }
  caf::message move_content_to_message() override { return inside_->move_content_to_message(); }
  caf::message copy_content_to_message() const override { return inside_->copy_content_to_message(); }

private:
  caf::mailbox_element_ptr inside_;
  std::shared_ptr<message_counts> counts_;
};

/// An actor whose messages are counted.
template <class Base>
class counted_actor : public Base {
public:
  counted_actor(caf::actor_config& config, std::shared_ptr<message_counts> counts)
      : Base(config)
      , counts_(std::move(counts)) {}
  using Base::enqueue;
  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override {
    Base::enqueue(caf::mailbox_element_ptr(new counted_element(std::move(element), counts_)), unit);
  }

private:
  std::shared_ptr<message_counts> counts_;
};

} // namespace understudy

// A node's name shared by everybody who mentions it: a million accounts name a handful of nodes.
#pragma once
#include "events/model/ids.hpp"

#include <memory>
#include <set>

namespace understudy {

/// Never null once made from a pool; compares by text. 16 bytes.
class shared_name {
public:
  shared_name() = default;
  explicit shared_name(std::shared_ptr<const node_name> name)
      : name_(std::move(name)) {}
  /// The name; an empty one if default-constructed.
  const node_name& get() const;
  operator const node_name&() const { return get(); }
  bool operator==(const shared_name& other) const { return get() == other.get(); }
  bool operator==(const node_name& other) const { return get() == other; }

private:
  std::shared_ptr<const node_name> name_;
};

/// Hands out one shared copy per name.
class name_pool {
public:
  shared_name share(const node_name& name);

private:
  struct by_text {
    using is_transparent = void;
    bool operator()(const std::shared_ptr<const node_name>& a,
                    const std::shared_ptr<const node_name>& b) const {
      return *a < *b;
    }
    bool operator()(const std::shared_ptr<const node_name>& a, const node_name& b) const { return *a < b; }
    bool operator()(const node_name& a, const std::shared_ptr<const node_name>& b) const { return a < *b; }
  };
  std::set<std::shared_ptr<const node_name>, by_text> names_;
};

} // namespace understudy

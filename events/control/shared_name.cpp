#include "events/control/shared_name.hpp"

namespace understudy {

const node_name& shared_name::get() const {
  static const node_name none;
  return name_ ? *name_ : none;
}

shared_name name_pool::share(const node_name& name) {
  if (const auto known = names_.find(name); known != names_.end())
    return shared_name(*known);
  return shared_name(*names_.insert(std::make_shared<const node_name>(name)).first);
}

} // namespace understudy

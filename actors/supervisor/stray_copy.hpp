// Whether a copy that a start finds in the local MariaDB belongs to nobody any more. Pure.
#pragma once
#include "events/control/control_state.hpp"
#include "storage/state/logged_state.hpp"

namespace understudy {

/// True if control took the account's destination here away, and nobody but Understudy has written this copy
/// since it was made. `account`: null if control never heard of it; control was read to its end.
bool is_stray_copy(const account_state* account, const node_name& self, const replica_record& copy);

} // namespace understudy

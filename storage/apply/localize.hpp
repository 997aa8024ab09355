// From a row as the source wrote it to the row that belongs here: volumes mapped, host-local columns set
// aside, placement filled in (pure; DESIGN §4.4).
#pragma once
#include "storage/apply/apply_plan.hpp"

#include <memory>
#include <optional>

namespace understudy {

/// Null = nothing of the change concerns this host (an update of left-out columns only). Errors: a volume
/// that isn't mapped (retryable: it may be known soon), an insert that lacks a column, an update or remove
/// without its key.
result<std::unique_ptr<planned_row>> localize(const row_change& change,
                                              std::shared_ptr<const destination_table> target,
                                              const account_placement& where);

} // namespace understudy

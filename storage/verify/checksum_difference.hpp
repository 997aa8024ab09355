// Whether two hosts have the same rows of an account (pure; R29).
#pragma once
#include "events/model/table_checksum.hpp"

#include <string>

namespace understudy {

/// What a person should know about it: the first table that differs, and how many others do; empty: none
/// does. Tables that the source knows; one that isn't here has no rows.
std::string difference_of(const account_checksum& source, const account_checksum& here);

/// Rows in all tables.
std::uint64_t rows_of(const account_checksum& tables);

} // namespace understudy

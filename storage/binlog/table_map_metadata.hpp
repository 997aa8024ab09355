// The optional metadata of TABLE_MAP: names, signs, character sets, members, keys.
#pragma once
#include "storage/binlog/table_map.hpp"

namespace understudy {

/// Reads the fields at the end of a TABLE_MAP into `map.columns` (types set already) and `map.key`.
/// Unknown fields are passed over. Members of ENUM and SET stay in their character set here.
result<void> read_optional_metadata(byte_reader& in, table_map& map);

} // namespace understudy

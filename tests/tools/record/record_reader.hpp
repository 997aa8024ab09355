// Reads a workload record: for the comparison, and to go on with a record.
#pragma once
#include "tests/tools/record/record_writer.hpp"

#include <boost/json/array.hpp>

#include <map>

namespace understudy::record {

struct recorded_transaction {
  std::uint64_t number;
  std::string operation;
  boost::json::array effects;   ///< as written by `effects`
  outcome told = outcome::lost; ///< a result that was never written counts as lost: nobody knows
};

struct recorded_account {
  std::string name;
  std::vector<recorded_transaction> transactions; ///< in the order of their numbers
};

/// By account id. Files are read one after the other: later files continue earlier ones. Throws
/// std::runtime_error naming file and line for a line that isn't a record's, for a result without intent, and
/// for numbers that don't go up by one. A torn last line (the workload was killed) is left out.
std::map<std::string, recorded_account> read_record(const std::vector<std::filesystem::path>& files);

} // namespace understudy::record

// Versioned JSON of control records, and of the folded state as MariaDB keeps it. Pure; any thread.
#pragma once
#include "events/control/control_record.hpp"
#include "events/control/control_state.hpp"

#include <string>
#include <string_view>

namespace understudy {

std::string encode(const control_record& record);
/// Unknown versions, unknown event types, missing fields and malformed JSON are errors that say where.
result<control_record> decode_control_record(std::string_view json);

// The folded state is stored as one document per account, node and operation, and one of the records that
// were folded last, by which a repeated one is known (R25). evolve() says which of the former a record
// changed; loading all of them, and where to go on, gives the same state.
std::string encode_account(const account_state& account);
std::string encode_node(const node_state& node);
std::string encode_operation(const operation_state& operation);
std::string encode_records(const control_state& state);

result<void> load_account(control_state& state, std::string_view json);
result<void> load_node(control_state& state, std::string_view json);
result<void> load_operation(control_state& state, std::string_view json);
result<void> load_records(control_state& state, std::string_view json);

} // namespace understudy

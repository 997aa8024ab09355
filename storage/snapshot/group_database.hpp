// Makes a missing group database from the source's definitions (DESIGN §4.4; case A11: character sets and
// collations are the source's, whatever this server's defaults).
#pragma once
#include "storage/profile/profile.hpp"
#include "storage/profile/schema_catalog.hpp"
#include "storage/state/sql_session.hpp"

#include <set>
#include <string>
#include <vector>

namespace understudy {

/// What a definition may be: `CREATE DATABASE …` (its options are taken, its name replaced) and
/// `CREATE TABLE …` with an unqualified name. Anything else is refused: it comes from outside.
result<std::string> database_statement(const std::string& definition, const std::string& database);
bool is_table_definition(const std::string& definition);

/// Where the tables of a group's accounts are: its own database, the registry's, those of the shared tables.
std::set<std::string> account_databases(const profile& rules, group_number group);

/// Creates what is missing of the group's database; existing tables are left as they are. `session` has
/// foreign_key_checks=0, since tables come in any order; its default database is changed. Whether a table was
/// created.
result<bool> ensure_group_database(sql_session& session, const std::string& database,
                                   const std::vector<std::string>& definitions);

/// Nothing would have to be made of these definitions, as far as the catalog knows.
bool has_all_tables(const schema_catalog& catalog, const std::string& database,
                    const std::vector<std::string>& definitions);

} // namespace understudy

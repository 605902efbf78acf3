//! Which column of a parquet file plays which role.

use std::sync::Arc;

use document::nearest;
use parquet::{basic::Type, file::metadata::ParquetMetaData, schema::types::ColumnDescriptor};

use crate::{
    Error, Input,
    fields::{ByRole, Role, shortlist},
};

/// A usual name of text that is not believed in parquet unless the source names it: there it mostly holds source code
/// or whole files (The Stack and its kin), while OSCAR, whose text it is, comes as JSON lines.
const MUST_BE_NAMED: &str = "content";

/// The leaf that plays each role, by its index in the schema.
pub(crate) type Columns = ByRole<Option<usize>>;

/// Finds the columns that are read.
/// # Errors
/// Fails if a column that the source names is absent or of another type than its role needs.
pub(crate) fn find_columns(input: &Input, metadata: &ParquetMetaData) -> Result<Columns, Error> {
    let leaves = metadata.file_metadata().schema_descr().columns();
    let names = names(metadata);
    let mut found = Columns::default();
    for role in Role::ALL {
        let usable = |index: &usize| fits(&leaves[*index], role);
        let position = |name: &str| names.iter().position(|it| it == name);
        let Some(column) = input.fields.named(role) else {
            let candidates = input.fields.candidates(role).into_iter().filter(|name| *name != MUST_BE_NAMED);
            found[role as usize] = candidates.filter_map(position).find(usable);
            continue;
        };
        let Some(index) = position(column) else {
            return Err(Error::MissingColumn {
                path: input.path.clone(),
                field: role.key(),
                column: column.to_owned(),
                suggestion: nearest(column, names.iter().map(String::as_str)).map(str::to_owned),
                columns: shortlist(names.iter().map(String::as_str), 50),
            });
        };
        if !usable(&index) {
            return Err(Error::WrongColumnType {
                path: input.path.clone(),
                field: role.key(),
                column: column.to_owned(),
                found: match leaves[index].max_rep_level() {
                    0 => format!("of type {}", leaves[index].physical_type()),
                    _ => "a list".to_owned(),
                },
                expected: match role {
                    Role::Text | Role::Url | Role::Language | Role::Licence => "strings",
                    Role::Id => "strings or integers",
                    Role::Date => "strings, dates or timestamps",
                },
            });
        }
        found[role as usize] = Some(index);
    }
    Ok(found)
}

/// Whether a column can play a role. Of a list of languages the first is taken; no other role can be a list.
fn fits(leaf: &ColumnDescriptor, role: Role) -> bool {
    let integer = matches!(leaf.physical_type(), Type::INT32 | Type::INT64);
    let typed = match role {
        Role::Text | Role::Url | Role::Language | Role::Licence => false,
        Role::Id => integer,
        Role::Date => integer || leaf.physical_type() == Type::INT96,
    };
    let flat = leaf.max_rep_level() == 0 || (role == Role::Language && leaf.max_rep_level() == 1);
    flat && (typed || leaf.physical_type() == Type::BYTE_ARRAY)
}

/// The columns by name, in the order of the schema.
pub(crate) fn names(metadata: &ParquetMetaData) -> Vec<String> {
    let name = |leaf: &Arc<ColumnDescriptor>| {
        let mut parts = leaf.path().parts();
        // The layers that the format wraps around the entries of a list are not part of its name.
        while let [rest @ .., "list" | "element" | "item" | "array" | "bag" | "array_element"] =
            &parts.iter().map(String::as_str).collect::<Vec<_>>()[..]
        {
            if leaf.max_rep_level() == 0 || rest.is_empty() {
                break;
            }
            parts = &parts[..rest.len()];
        }
        parts.join(".")
    };
    metadata.file_metadata().schema_descr().columns().iter().map(name).collect()
}

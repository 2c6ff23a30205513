//! The JSON schema of records, for whoever reads them with something else.

use std::path::PathBuf;

use crate::generated::File;

/// The schemas, as files.
pub(crate) fn files() -> anyhow::Result<Vec<File>> {
    let schemas = [
        ("run", record::schema()),
        ("search", record::search_schema()),
        ("experiment", record::experiment::schema()),
        ("advice", record::advice::schema()),
    ];
    schemas
        .into_iter()
        .map(|(name, schema)| {
            let content = serde_json::to_string_pretty(&schema)? + "\n";
            Ok(File { path: PathBuf::from(format!("docs/schema/{name}.schema.json")), content })
        })
        .collect()
}

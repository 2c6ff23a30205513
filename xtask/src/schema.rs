//! The JSON schema of records, for whoever reads them with something else.

use std::path::PathBuf;

use crate::generated::File;

/// The schemas, as files.
pub(crate) fn files() -> anyhow::Result<Vec<File>> {
    let content = serde_json::to_string_pretty(&record::schema())? + "\n";
    Ok(vec![File { path: PathBuf::from("docs/schema/run.schema.json"), content }])
}

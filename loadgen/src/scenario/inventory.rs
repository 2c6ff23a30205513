//! What is there before a load: what the admin makes first, and objects in numbers.

use serde::{Deserialize, Serialize};

use serde_json::Value;

use super::{OnlyVirtual, Template, TemplateError, template};

/// Something that the admin makes before anything else, and removes after everything: definitions of custom resources, quotas,
/// priority levels.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Install {
    /// YAML, of several documents; it knows `run` and `namespace`, the first of the run's.
    pub(crate) manifest: String,
}

impl Install {
    /// Its objects, in order.
    pub(crate) fn objects(&self, run: &str, namespace: &str) -> Result<Vec<Value>, TemplateError> {
        template::documents(&template::rendered(&self.manifest, minijinja::context! { run, namespace })?)
    }
}

/// Objects that are there before the load, and are kept with the nodes for the control planes that come after.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InventorySpec {
    /// As loads call it that change it.
    pub(crate) name: String,
    /// How many.
    pub(crate) count: u32,
    /// Over so many namespaces of the run, in turn.
    #[serde(default = "one")]
    pub(crate) namespaces: u32,
    /// The object, as a template.
    pub(crate) manifest: String,
}

impl InventorySpec {
    /// Its objects.
    pub(crate) fn template(&self, run: &str, only: Option<OnlyVirtual>) -> Result<Template, TemplateError> {
        Template::new(&self.manifest, run)?.labelled(run, only)
    }

    /// The name of one of its objects, from 0.
    pub(crate) fn object(&self, number: u64) -> String {
        format!("{}-{number}", self.name)
    }
}

fn one() -> u32 {
    1
}

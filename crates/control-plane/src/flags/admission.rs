//! The configuration file of admission plugins.

use profile::Profile;
use serde_json::{Value, json};

/// The file's text: what a profile says of each plugin, as it says it (apiserver `pkg/apis/apiserver/v1/types.go`,
/// `AdmissionConfiguration`). Whether a plugin is on is for the apiserver's flags to say.
pub(crate) fn config(profile: &Profile) -> String {
    let plugin =
        |(name, configuration): (&String, &Value)| json!({ "name": name, "configuration": configuration });
    let config = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": profile.admission.iter().map(plugin).collect::<Vec<_>>(),
    });
    format!("{config:#}\n")
}

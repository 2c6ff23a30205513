//! Pods from a template: rendered once, with a hole where the name goes.

use bytes::Bytes;
use serde_json::{Value, json};

/// Stands in for the name while the template is rendered; a valid name that nobody would choose.
const NAME: &str = "loadgen-name-goes-here-7f3c";

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("cannot be rendered; it may use {{{{ name }}}}, {{{{ namespace }}}} and {{{{ run }}}}")]
    Render(#[from] minijinja::Error),
    #[error("is not YAML: {0}")]
    Yaml(String),
    #[error("is a {0}, and this driver makes v1 Pods")]
    Kind(String),
    #[error("does not name the pod with {{{{ name }}}}")]
    Name,
}

/// What a pod needs to land on virtual nodes of a cluster that has others too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnlyVirtual;

/// A pod's JSON, cut at the places where its name goes.
#[derive(Clone, Debug)]
pub(crate) struct PodTemplate {
    pieces: Vec<Vec<u8>>,
}

impl PodTemplate {
    /// Renders `manifest` for a namespace and a run. The label `loadgen.run` is added, and with `only` the toleration and the
    /// node selector that keep the pod on this run's nodes.
    pub(crate) fn new(
        manifest: &str,
        namespace: &str,
        run: &str,
        only: Option<OnlyVirtual>,
    ) -> Result<Self, TemplateError> {
        let mut environment = minijinja::Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        let yaml = environment.render_str(manifest, minijinja::context! { name => NAME, namespace, run })?;
        let mut pod: Value =
            serde_saphyr::from_str(&yaml).map_err(|error| TemplateError::Yaml(error.to_string()))?;
        if pod["kind"] != "Pod" || pod["apiVersion"] != "v1" {
            let text = |key: &str| pod[key].as_str().unwrap_or("(none)").to_owned();
            return Err(TemplateError::Kind(format!("{} {}", text("apiVersion"), text("kind"))));
        }
        if pod["metadata"]["name"] != NAME {
            return Err(TemplateError::Name);
        }
        pod["metadata"]["labels"][super::super::nodes::RUN_LABEL] = run.into();
        if only.is_some() {
            pod["spec"]["nodeSelector"][super::super::nodes::RUN_LABEL] = run.into();
            let toleration = json!({ "key": crate::nodes::TAINT.0, "operator": "Exists", "effect": crate::nodes::TAINT.2 });
            match &mut pod["spec"]["tolerations"] {
                Value::Array(tolerations) => tolerations.push(toleration),
                none => *none = json!([toleration]),
            }
        }
        let json = pod.to_string();
        Ok(Self { pieces: json.split(NAME).map(|piece| piece.as_bytes().to_vec()).collect() })
    }

    /// The pod called `name`.
    pub(crate) fn render(&self, name: &str) -> Bytes {
        self.pieces.join(name.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: '{{ name }}', namespace: '{{ namespace }}'}, \
                       spec: {containers: [{name: a, args: ['{{ name }}']}]}}";

    fn render(only: Option<OnlyVirtual>) -> Value {
        let template = PodTemplate::new(POD, "ns", "r1", only).unwrap();
        serde_json::from_slice(&template.render("pod-7")).unwrap()
    }

    #[test]
    fn every_place_of_the_name_is_filled() {
        let pod = render(None);
        assert_eq!(pod["metadata"]["name"], "pod-7");
        assert_eq!(pod["spec"]["containers"][0]["args"][0], "pod-7");
        assert_eq!(pod["metadata"]["namespace"], "ns");
        assert_eq!(pod["metadata"]["labels"]["loadgen.run"], "r1");
        assert_eq!(pod["spec"]["nodeSelector"], Value::Null);
    }

    #[test]
    fn on_a_shared_cluster_pods_select_and_tolerate_virtual_nodes() {
        let pod = render(Some(OnlyVirtual));
        assert_eq!(pod["spec"]["nodeSelector"]["loadgen.run"], "r1");
        assert_eq!(pod["spec"]["tolerations"][0]["key"], "loadgen/virtual");
    }
}

//! Objects from a template: rendered once, with holes where names and numbers go.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::nodes::{RUN_LABEL, TAINT};

/// Stand in for what differs from object to object while the template is rendered: valid names and a number that nobody would choose.
const NAME: &str = "loadgen-name-goes-here-7f3c";
const NAMESPACE: &str = "loadgen-namespace-goes-here-7f3c";
const NUMBER: &str = "730073007300";

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error(
        "cannot be rendered: {reason}; it may use {{{{ name }}}}, {{{{ namespace }}}}, {{{{ number }}}}, {{{{ run }}}} and \
         {{{{ filler(bytes) }}}}"
    )]
    Render { reason: String, place: Option<Place> },
    #[error("is not YAML: {reason}")]
    Yaml { reason: String, place: Option<Place> },
    #[error("puts its object into namespace {0}, which is not this run's; write {{{{ namespace }}}}")]
    Namespace(String),
    #[error("is a {0}, and this driver makes v1 Pods")]
    Kind(String),
    #[error("does not name its object with {{{{ name }}}}")]
    Name,
}

/// A line and a column of a manifest, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// Where a byte of a text is.
    pub(crate) fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

impl TemplateError {
    /// Where in the manifest, as far as it has a place.
    pub(crate) fn place(&self) -> Option<Place> {
        match self {
            Self::Render { place, .. } | Self::Yaml { place, .. } => *place,
            Self::Kind(_) | Self::Name | Self::Namespace(_) => None,
        }
    }

    fn yaml(error: &serde_saphyr::Error) -> Self {
        let place = error.location().and_then(|at| {
            Some(Place { line: usize::try_from(at.line()).ok()?, column: usize::try_from(at.column()).ok()? })
        });
        // The snippet would show what the marks stand in for.
        let reason = error.without_snippet().to_string();
        Self::Yaml { reason: reason.lines().next().unwrap_or_default().to_owned(), place }
    }
}

/// Renders a manifest with what it may know.
pub(super) fn rendered(manifest: &str, known: minijinja::Value) -> Result<String, TemplateError> {
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    // Errors then say where they are.
    environment.set_debug(true);
    environment.add_function("filler", |bytes: usize| "loadgen ".repeat(bytes / 8 + 1)[..bytes].to_owned());
    environment.render_str(manifest, known).map_err(|error| {
        let reason = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        TemplateError::Render { reason, place: error.range().map(|range| Place::of(manifest, range.start)) }
    })
}

/// Reads all documents of what was rendered.
pub(super) fn documents(yaml: &str) -> Result<Vec<Value>, TemplateError> {
    serde_saphyr::from_multiple(yaml).map_err(|error| TemplateError::yaml(&error))
}

/// What a pod needs to land on virtual nodes of a cluster that has others too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnlyVirtual;

/// What differs from object to object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) number: u64,
}

/// An object's JSON, cut at the places where its name, its namespace and its number go.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    value: Value,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name,
    Namespace,
    Number,
}

impl Template {
    /// Renders `manifest` for a run.
    pub(crate) fn new(manifest: &str, run: &str) -> Result<Self, TemplateError> {
        let known = minijinja::context! { name => NAME, namespace => NAMESPACE, number => NUMBER, run };
        let yaml = rendered(manifest, known)?;
        let value = serde_saphyr::from_str(&yaml).map_err(|error| TemplateError::yaml(&error))?;
        Ok(Self::cut(value))
    }

    /// `apiVersion` and `kind`, as far as it has them.
    pub(crate) fn kind(&self) -> (&str, &str) {
        let text = |key: &str| self.value[key].as_str().unwrap_or_default();
        (text("apiVersion"), text("kind"))
    }

    /// With the label `loadgen.run`, by which what a run has made is found. With `only` its pods, if it is one or makes some, get the
    /// toleration and the node selector that keep them on this run's nodes.
    pub(crate) fn labelled(mut self, run: &str, only: Option<OnlyVirtual>) -> Result<Self, TemplateError> {
        if self.value["metadata"]["name"] != NAME {
            return Err(TemplateError::Name);
        }
        match self.value["metadata"]["namespace"].as_str() {
            None | Some(NAMESPACE) => {}
            Some(other) => return Err(TemplateError::Namespace(other.to_owned())),
        }
        self.value["metadata"]["labels"][RUN_LABEL] = run.into();
        if only.is_some() {
            pod_specs(&mut self.value, |spec| keep_on_nodes_of(run, spec));
        }
        Ok(Self::cut(self.value))
    }

    /// The same of a pod.
    pub(crate) fn pod(self, run: &str, only: Option<OnlyVirtual>) -> Result<Self, TemplateError> {
        let (version, kind) = self.kind();
        if (version, kind) != ("v1", "Pod") {
            let or_none = |text: &str| if text.is_empty() { "(none)".to_owned() } else { text.to_owned() };
            return Err(TemplateError::Kind(format!("{} {}", or_none(version), or_none(kind))));
        }
        self.labelled(run, only)
    }

    /// One object.
    pub(crate) fn render(&self, object: Object<'_>) -> Bytes {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Name => text.push_str(object.name),
                Piece::Namespace => text.push_str(object.namespace),
                Piece::Number => text.push_str(&object.number.to_string()),
            }
        }
        text.into()
    }

    fn cut(value: Value) -> Self {
        let mut pieces = vec![Piece::Text(value.to_string())];
        for (mark, hole) in [(NAMESPACE, Piece::Namespace), (NAME, Piece::Name), (NUMBER, Piece::Number)] {
            pieces = pieces.into_iter().flat_map(|piece| cut_at(piece, mark, &hole)).collect();
        }
        Self { value, pieces }
    }
}

/// Every pod's spec that is in an object: a pod's own, a workload's template, a `CronJob`'s.
fn pod_specs(object: &mut Value, mut change: impl FnMut(&mut Value)) {
    let is_pod = object["kind"] == "Pod";
    for pointer in ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"] {
        if let Some(spec) =
            object.pointer_mut(pointer).filter(|spec| spec.is_object() && (is_pod || pointer != "/spec"))
        {
            change(spec);
        }
    }
}

fn keep_on_nodes_of(run: &str, spec: &mut Value) {
    spec["nodeSelector"][RUN_LABEL] = run.into();
    let toleration = json!({ "key": TAINT.0, "operator": "Exists", "effect": TAINT.2 });
    match &mut spec["tolerations"] {
        Value::Array(tolerations) => tolerations.push(toleration),
        none => *none = json!([toleration]),
    }
}

/// A piece of text without a mark, with holes where it was.
fn cut_at(piece: Piece, mark: &str, hole: &Piece) -> Vec<Piece> {
    let Piece::Text(text) = piece else { return vec![piece] };
    let mut pieces = Vec::new();
    for (index, part) in text.split(mark).enumerate() {
        if index > 0 {
            pieces.push(hole.clone());
        }
        pieces.push(Piece::Text(part.to_owned()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: '{{ name }}', namespace: '{{ namespace }}'}, \
                       spec: {priority: {{ number }}, containers: [{name: a, args: ['{{ name }}', '{{ filler(10) }}']}]}}";

    fn render(only: Option<OnlyVirtual>) -> Value {
        let template = Template::new(POD, "r1").unwrap().pod("r1", only).unwrap();
        let pod = template.render(Object { name: "pod-7", namespace: "ns", number: 7 });
        serde_json::from_slice(&pod).unwrap()
    }

    #[test]
    fn every_hole_is_filled() {
        let pod = render(None);
        assert_eq!(pod["metadata"]["name"], "pod-7");
        assert_eq!(pod["spec"]["containers"][0]["args"], json!(["pod-7", "loadgen lo"]));
        assert_eq!(pod["spec"]["priority"], 7);
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

    #[test]
    fn pods_that_a_controller_makes_select_and_tolerate_virtual_nodes_too() {
        let job = "{apiVersion: batch/v1, kind: Job, metadata: {name: '{{ name }}'}, spec: {template: {spec: {containers: []}}}}";
        let template = |only| Template::new(job, "r1").unwrap().labelled("r1", only).unwrap().value;
        let spec = &template(Some(OnlyVirtual))["spec"];
        assert_eq!(spec["template"]["spec"]["nodeSelector"]["loadgen.run"], "r1");
        assert_eq!(spec["nodeSelector"], Value::Null);
        assert_eq!(template(None)["spec"]["template"]["spec"]["nodeSelector"], Value::Null);
    }

    #[test]
    fn what_is_no_pod_or_has_no_name_of_its_own_is_refused() {
        let refused = |manifest: &str| {
            let template = Template::new(manifest, "r1").unwrap();
            template.pod("r1", None).unwrap_err().to_string()
        };
        assert_eq!(
            refused("{kind: Job, apiVersion: batch/v1}"),
            "is a batch/v1 Job, and this driver makes v1 Pods"
        );
        assert!(refused("{kind: Pod, apiVersion: v1, metadata: {name: x}}").contains("{{ name }}"));
        assert!(Template::new("{a: {{ nam }}}", "r1").is_err());
        let elsewhere = "{kind: Pod, apiVersion: v1, metadata: {name: '{{ name }}', namespace: default}}";
        assert!(refused(elsewhere).contains("namespace default"), "{}", refused(elsewhere));
    }

    #[test]
    fn a_mistake_in_a_manifest_has_a_line_and_a_column() {
        let place = |manifest: &str| Template::new(manifest, "r1").unwrap_err().place();
        let at = |line, column| Some(Place { line, column });
        assert_eq!(place("kind: Pod\nmetadata:\n  name: {{ nmae }}\n"), at(3, 12));
        assert_eq!(place("kind: Pod\nmetadata:\n  name: {{ name\n").map(|it| it.line), Some(3));
        assert_eq!(place("kind: Pod\nmetadata: [\nspec: 1\n").map(|it| it.line), Some(2));
    }
}

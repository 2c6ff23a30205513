//! Field and label selectors, as far as node agents and drivers of load use them.

use crate::stored::Stored;

/// Which objects of a collection a list or a watch is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Empty for all namespaces.
    pub(crate) namespace: String,
    pub(crate) fields: Vec<Requirement>,
    pub(crate) labels: Vec<Requirement>,
}

/// One part of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Is(String),
    IsNot(String),
    Exists,
    Absent,
}

impl Requirement {
    /// Parses `a=b,c!=d,e,!f`.
    pub(crate) fn parse_all(selector: &str) -> Vec<Self> {
        selector.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Self::parse).collect()
    }

    fn parse(part: &str) -> Self {
        let (key, test) = if let Some((key, value)) = part.split_once("!=") {
            (key, Test::IsNot(value.trim().to_owned()))
        } else if let Some((key, value)) = part.split_once('=') {
            (key, Test::Is(value.trim_start_matches('=').trim().to_owned()))
        } else if let Some(key) = part.strip_prefix('!') {
            (key, Test::Absent)
        } else {
            (part, Test::Exists)
        };
        Self { key: key.trim().to_owned(), test }
    }

    fn holds(&self, value: Option<&str>) -> bool {
        match &self.test {
            Test::Is(expected) => value == Some(expected),
            Test::IsNot(expected) => value != Some(expected),
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
        }
    }
}

impl Selection {
    /// The one value of a field that it asks for, if it does.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|part| part.key == name).and_then(|part| match &part.test {
            Test::Is(value) => Some(value.as_str()),
            _ => None,
        })
    }

    pub(crate) fn matches(&self, object: &Stored) -> bool {
        (self.namespace.is_empty() || self.namespace == object.namespace())
            && self.fields.iter().all(|part| part.holds(object.field(&part.key)))
            && self
                .labels
                .iter()
                .all(|part| part.holds(object.metadata.labels.get(&part.key).map(String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use k8s_pb::api::core::v1::{Pod, PodSpec};
    use k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    #[test]
    fn selectors_choose() {
        let pod = Stored::of(&Pod {
            metadata: Some(ObjectMeta {
                name: Some("p".into()),
                namespace: Some("default".into()),
                labels: [("app".to_owned(), "web".to_owned())].into(),
                ..ObjectMeta::default()
            }),
            spec: Some(PodSpec { node_name: Some("n-1".into()), ..PodSpec::default() }),
            ..Pod::default()
        });
        let matches = |namespace: &str, fields: &str, labels: &str| {
            let selection = Selection {
                namespace: namespace.into(),
                fields: Requirement::parse_all(fields),
                labels: Requirement::parse_all(labels),
            };
            selection.matches(&pod)
        };
        assert!(matches("", "", ""));
        assert!(matches("default", "spec.nodeName=n-1,metadata.name=p", "app=web"));
        assert!(matches("", "spec.nodeName!=n-2", "app,!tier,app!=db"));
        assert!(matches("", "", "app==web"));
        assert!(!matches("kube-system", "", ""));
        assert!(!matches("", "spec.nodeName=n-2", ""));
        assert!(!matches("", "spec.nodeName!=n-1", ""));
        assert!(!matches("", "", "tier"));
        assert!(!matches("", "", "!app"));
    }
}

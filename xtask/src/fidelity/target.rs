//! What a request is about, from its path and query, in words that are the same in every run.

use super::{names::Names, recording::Line};

/// The parts of a resource's path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// `coordination.k8s.io/v1/`; nothing for the core group.
    pub(crate) api: String,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) resource: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) subresource: Option<&'a str>,
}

impl<'a> Target<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        let mut parts = path.trim_matches('/').split('/');
        let mut target = Self::default();
        match parts.next() {
            Some("apis") => {
                let (group, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                target.api = format!("{group}/{version}/");
            }
            _ => drop(parts.next()),
        }
        let mut parts = parts.peekable();
        if parts.peek() == Some(&"namespaces") && path.matches('/').count() > 4 {
            parts.next();
            target.namespace = parts.next();
        }
        target.resource = parts.next().unwrap_or_default();
        (target.name, target.subresource) = (parts.next(), parts.next());
        target
    }

    /// The path, short: without the namespace of the node's pods, and with a word for the name.
    pub(crate) fn words(&self, names: &Names, name: Option<&str>) -> String {
        let mut text = self.api.clone();
        if let Some(namespace) = self.namespace.filter(|namespace| *namespace != names.namespace) {
            text += &["namespaces/", namespace, "/"].concat();
        }
        text += self.resource;
        for part in [name, self.subresource].into_iter().flatten() {
            text.push('/');
            text += part;
        }
        text
    }
}

/// The query, with a range for a time-out and a word for a version.
pub(crate) fn query_shape(query: &str, node: &str) -> String {
    let value_of = |wanted: &str| {
        query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == wanted))
            .map(|pair| pair.1)
    };
    let seconds = value_of("timeoutSeconds").and_then(|text| text.parse::<u32>().ok());
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let shape = match (key, seconds) {
            ("timeoutSeconds", Some(300..600)) => "300..600".to_owned(),
            ("timeoutSeconds", Some(1800..3600)) => "1800..3600".to_owned(),
            ("timeout", Some(seconds)) if go_seconds(value) == Some(seconds) => "timeoutSeconds".to_owned(),
            ("resourceVersion", _) if !matches!(value, "" | "0") => "<version>".to_owned(),
            ("fieldSelector", _) => super::names::replace_word(value, node, "NODE"),
            _ => value.to_owned(),
        };
        format!("{key}={shape}")
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// A duration as Go writes it, in whole seconds.
fn go_seconds(text: &str) -> Option<u32> {
    let mut total = 0;
    let mut number = String::new();
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total += number.parse::<u32>().ok()? * unit;
        number.clear();
    }
    (number.is_empty() && !text.is_empty()).then_some(total)
}

/// Whether a watch ended because its time was over, not because its client closed it.
pub(crate) fn timed_out(line: &Line) -> bool {
    let seconds = line.query.split('&').find_map(|pair| pair.strip_prefix("timeoutSeconds="));
    let seconds = seconds.and_then(|text| text.parse::<f64>().ok());
    seconds.is_some_and(|seconds| (line.ms / 1e3 - seconds).abs() < 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_parts() {
        let names = Names::new("n", "default");
        let words = |path: &str, name: Option<&str>| Target::of(path).words(&names, name);
        assert_eq!(words("/api/v1/namespaces/default/pods/a/status", Some("POD")), "pods/POD/status");
        assert_eq!(words("/api/v1/namespaces/other/pods/a", Some("POD")), "namespaces/other/pods/POD");
        let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n";
        assert_eq!(
            words(lease, Some("NODE")),
            "coordination.k8s.io/v1/namespaces/kube-node-lease/leases/NODE"
        );
        assert_eq!(words("/api/v1/nodes", None), "nodes");
    }

    #[test]
    fn a_query_has_a_shape() {
        let shape = |query: &str| query_shape(query, "vm");
        let watch =
            "fieldSelector=metadata.name=vm&resourceVersion=847&timeout=8m54s&timeoutSeconds=534&watch=true";
        assert_eq!(
            shape(watch),
            "fieldSelector=metadata.name=NODE&resourceVersion=<version>&timeout=timeoutSeconds&timeoutSeconds=300..600\
             &watch=true"
        );
        assert_eq!(shape("timeout=9m&timeoutSeconds=534"), "timeout=9m&timeoutSeconds=300..600");
        assert_eq!(
            shape("timeout=46m54s&timeoutSeconds=2814"),
            "timeout=timeoutSeconds&timeoutSeconds=1800..3600"
        );
        assert_eq!(shape("timeoutSeconds=60"), "timeoutSeconds=60");
        assert_eq!(shape("timeout=10s"), "timeout=10s");
        assert_eq!(shape("resourceVersion=0"), "resourceVersion=0");
        assert_eq!(shape(""), "");
    }
}

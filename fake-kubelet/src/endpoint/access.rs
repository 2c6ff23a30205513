//! What a request to a kubelet's endpoint asks leave for: a verb on some subresources of its node.

use http::Method;

/// The verb of the API that a method stands for; empty for one that has none (`pkg/kubelet/server/auth.go`).
pub(super) fn verb(method: &Method) -> &'static str {
    match method.as_str() {
        "POST" => "create",
        "GET" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "",
    }
}

/// The subresources of the node of which one must be allowed, in the order they are asked for (`GetRequestAttributes`, with
/// the feature `KubeletFineGrainedAuthz`).
pub(super) fn subresources(path: &str) -> Vec<&'static str> {
    const FINE: [(&str, &str); 4] =
        [("/pods", "pods"), ("/healthz", "healthz"), ("/configz", "configz"), ("/runningpods", "pods")];
    const COARSE: [(&str, &str); 6] = [
        ("/stats", "stats"),
        ("/metrics", "metrics"),
        ("/logs", "log"),
        ("/checkpoint", "checkpoint"),
        ("/statusz", "statusz"),
        ("/flagz", "configz"),
    ];
    let first = |among: &[(&str, &'static str)]| {
        among.iter().find(|(above, _)| is_below(path, above)).map(|(_, subresource)| *subresource)
    };
    first(&FINE).into_iter().chain([first(&COARSE).unwrap_or("proxy")]).collect()
}

/// Whether a path is `above` or below it, segment by segment.
fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_ask_for_what_a_kubelet_asks_for() {
        let check = |path: &str, expected: &[&str]| assert_eq!(subresources(path), expected, "{path}");
        check("/metrics/resource", &["metrics"]);
        check("/metrics", &["metrics"]);
        check("/metricsandmore", &["proxy"]);
        check("/stats/summary", &["stats"]);
        check("/logs/", &["log"]);
        check("/healthz", &["healthz", "proxy"]);
        check("/healthz/ping", &["healthz", "proxy"]);
        check("/pods", &["pods", "proxy"]);
        check("/runningpods/", &["pods", "proxy"]);
        check("/configz", &["configz", "proxy"]);
        check("/flagz", &["configz"]);
        check("/containerLogs/ns/pod/c", &["proxy"]);
        check("/exec/ns/pod/c", &["proxy"]);
        check("/", &["proxy"]);
    }

    #[test]
    fn methods_become_verbs() {
        assert_eq!((verb(&Method::GET), verb(&Method::POST), verb(&Method::HEAD)), ("get", "create", ""));
    }
}

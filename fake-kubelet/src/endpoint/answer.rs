//! What the endpoint answers: paths, status codes and texts are a kubelet's (`pkg/kubelet/server/server.go`).

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{Either, Full, channel::Channel};

use super::{
    Shared,
    log_stream::LogStream,
    logs::{BadOptions, LogOptions, Source, source},
    metrics,
};

/// A body that is known, or one that comes line by line.
pub(super) type Body = Either<Full<Bytes>, Channel<Bytes, Infallible>>;

const TEXT: &str = "text/plain; charset=utf-8";

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Healthz,
    ResourceMetrics,
    ContainerLogs {
        namespace: &'a str,
        pod: &'a str,
        container: &'a str,
    },
    /// Something done inside a container: exec, attach, run or portForward.
    Inside(&'a str),
}

impl<'a> Route<'a> {
    /// `None` for a path that nothing is served under.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match segments.as_slice() {
            ["healthz"] | ["healthz", "ping" | "log" | "syncloop"] => Some(Self::Healthz),
            ["metrics", "resource"] => Some(Self::ResourceMetrics),
            ["containerLogs", namespace, pod, container] => {
                Some(Self::ContainerLogs { namespace, pod, container })
            }
            [what @ ("exec" | "attach" | "run" | "portForward"), _, _, ..] => Some(Self::Inside(what)),
            _ => None,
        }
    }
}

/// Answers a request that has been let through.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    index: u32,
    method: &Method,
    route: Route<'_>,
    query: &str,
) -> Response<Body> {
    match route {
        Route::Inside(what) => {
            let text = format!("fake-kubelet runs no containers: {what} is not possible");
            plain(StatusCode::NOT_IMPLEMENTED, text)
        }
        _ if *method != Method::GET && *method != Method::HEAD => {
            plain(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed")
        }
        Route::Healthz => plain(StatusCode::OK, "ok"),
        Route::ResourceMetrics => resource_metrics(shared, index).await,
        Route::ContainerLogs { namespace, pod, container } => {
            container_logs(shared, index, [namespace, pod, container], query).await
        }
    }
}

/// A short text.
pub(super) fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    whole(status, TEXT, text.into())
}

/// The kubelet of a node that has not been started yet; a real one would not even take the connection.
pub(super) fn not_running() -> Response<Body> {
    plain(StatusCode::SERVICE_UNAVAILABLE, "the kubelet of this node does not run")
}

fn whole(status: StatusCode, content_type: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

async fn resource_metrics(shared: &Shared, index: u32) -> Response<Body> {
    let Some(node) = shared.nodes.describe(index).await else { return not_running() };
    let text = shared.with_reading(index, |last| metrics::render(&node, last, shared.now()));
    whole(StatusCode::OK, metrics::CONTENT_TYPE, text)
}

async fn container_logs(
    shared: &Arc<Shared>,
    index: u32,
    [namespace, pod, container]: [&str; 3],
    query: &str,
) -> Response<Body> {
    let options = match LogOptions::parse(query) {
        Ok(options) => options,
        Err(BadOptions::NotDecoded) => {
            return plain(StatusCode::BAD_REQUEST, r#"{"message": "Unable to decode query."}"#);
        }
        Err(BadOptions::Invalid) => {
            return plain(StatusCode::UNPROCESSABLE_ENTITY, r#"{"message": "Invalid request."}"#);
        }
    };
    let Some(node) = shared.nodes.describe(index).await else { return not_running() };
    let Some(of_pod) = node.pod(namespace, pod) else {
        return plain(StatusCode::NOT_FOUND, format!("pod {pod:?} does not exist"));
    };
    let Some(of_container) = of_pod.container(container) else {
        let text = format!("container {container:?} not found in pod {pod:?}");
        return plain(StatusCode::NOT_FOUND, text);
    };
    let source: Source = match source(pod, of_container, options.previous) {
        Ok(source) => source,
        Err(text) => return plain(StatusCode::BAD_REQUEST, text),
    };
    let stream = LogStream {
        shared: shared.clone(),
        index,
        pod: of_pod.uid.clone(),
        container: container.to_owned(),
        options,
        source,
    };
    let mut response = Response::new(Either::Right(stream.start()));
    // What Go finds out by looking at the first line.
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        let check = |path: &str, route: Option<Route<'_>>| assert_eq!(Route::of(path), route, "{path}");
        check("/healthz", Some(Route::Healthz));
        check("/metrics/resource", Some(Route::ResourceMetrics));
        let logs = Route::ContainerLogs { namespace: "ns", pod: "p", container: "c" };
        check("/containerLogs/ns/p/c", Some(logs));
        check("/exec/ns/p/c", Some(Route::Inside("exec")));
        check("/exec/ns/p/uid/c", Some(Route::Inside("exec")));
        check("/portForward/ns/p", Some(Route::Inside("portForward")));
        for nothing in ["/", "", "/metrics", "/metrics/resource/", "/containerLogs/ns/p", "/pods", "/healthy"]
        {
            check(nothing, None);
        }
    }
}

//! What is answered: by the path, a function of what is shown at that moment.

use std::{fmt::Write as _, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use report::exposition;

use super::discovery::{discovery, path};
use crate::shown::Shown;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

type Answer = Response<Full<Bytes>>;

/// What somebody asks for.
#[derive(Debug, PartialEq, Eq)]
enum Page {
    Index,
    Ours,
    Component(String),
    Discovery,
}

/// Answers one request, whatever is in its body. `address` is where it came to.
pub(super) async fn answer(shown: Option<&Shown>, request: &Parts, address: SocketAddr) -> Answer {
    let host = host(request).unwrap_or_else(|| address.to_string());
    if request.method != Method::GET && request.method != Method::HEAD {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "there is only GET and HEAD\n");
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match (page(request.uri.path()), shown) {
        (Some(Page::Index), _) => text(StatusCode::OK, index(shown, &host)),
        (Some(Page::Ours), None) => respond(StatusCode::OK, exposition::CONTENT_TYPE, Bytes::new()),
        (Some(Page::Ours), Some(shown)) => {
            let ours = exposition::text(&shown.families());
            respond(StatusCode::OK, exposition::CONTENT_TYPE, ours)
        }
        (Some(Page::Discovery), None) => respond(StatusCode::OK, JSON, "[]"),
        (Some(Page::Discovery), Some(shown)) => match discovery(&host, &shown.labels(), &shown.up()) {
            Ok(json) => respond(StatusCode::OK, JSON, json),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        },
        (Some(Page::Component(name)), Some(shown)) => match shown.read(&name).await {
            Some(Ok(said)) => respond(StatusCode::OK, exposition::CONTENT_TYPE, said),
            Some(Err(reason)) => text(StatusCode::BAD_GATEWAY, format!("{name}: {reason}\n")),
            None => not_found(&format!("no {name} is up"), Some(shown), &host),
        },
        (Some(Page::Component(name)), None) => not_found(&format!("no {name} is up"), None, &host),
        (None, _) => not_found(&format!("there is no {}", request.uri.path()), shown, &host),
    }
}

/// By which name whoever asks knows us: it is the one that works from there.
fn host(request: &Parts) -> Option<String> {
    let host = request.headers.get(header::HOST)?.to_str().ok()?;
    (!host.is_empty()).then(|| host.to_owned())
}

fn page(path: &str) -> Option<Page> {
    match path {
        "/" => Some(Page::Index),
        "/metrics" => Some(Page::Ours),
        "/sd" => Some(Page::Discovery),
        _ => {
            let name = path.strip_prefix("/components/")?.strip_suffix("/metrics")?;
            let name = percent_decode_str(name).decode_utf8().ok()?;
            Some(Page::Component(name.into_owned()))
        }
    }
}

/// What there is, and what a Prometheus needs.
fn index(shown: Option<&Shown>, host: &str) -> String {
    let mut text = format!("loadgen {}: metrics of a run\n\n", env!("CARGO_PKG_VERSION"));
    text += &list(shown);
    let _ = write!(
        text,
        "\nFor Prometheus:\n\n\
         scrape_configs:\n  \
         - job_name: loadgen\n    \
         scrape_interval: 5s\n    \
         honor_labels: true\n    \
         http_sd_configs:\n      \
         - url: http://{host}/sd\n        \
         refresh_interval: 5s\n"
    );
    text
}

/// Every path with what is there.
fn list(shown: Option<&Shown>) -> String {
    let components = shown.map(Shown::up).unwrap_or_default();
    let components = components.iter().map(|it| (path(it), format!("what {} says of itself", it.name)));
    let mut lines = vec![("/metrics".to_owned(), "what loadgen does and sees".to_owned())];
    lines.extend(components);
    lines.push(("/sd".to_owned(), "all of these, for http_sd_configs of Prometheus".to_owned()));
    let width = lines.iter().map(|(path, _)| path.len()).max().unwrap_or_default();
    lines.iter().fold(String::new(), |mut text, (path, what)| {
        // A string takes all that is written to it.
        let _ = writeln!(text, "{path:width$}  {what}");
        text
    })
}

fn not_found(what: &str, shown: Option<&Shown>, host: &str) -> Answer {
    text(StatusCode::NOT_FOUND, format!("{what}; at {host} there are\n\n{}", list(shown)))
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    respond(status, TEXT, text)
}

fn respond(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

//! One request: into the log, through the script, to the verb.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use wire::Encoding;

use crate::answer::{self, Body, Broken};
use crate::connection::Control;
use crate::discovery;
use crate::gzip::Compression;
use crate::log::{Logged, Peer};
use crate::refusal::Refusal;
use crate::resource::Target;
use crate::script::Action;
use crate::server::{Shared, lock};
use crate::verbs::{self, Call};
use crate::watch::Plan;

pub(crate) async fn answer(
    shared: Arc<Shared>,
    peer: Peer,
    control: Arc<Control>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Broken> {
    let (head, body) = request.into_parts();
    // A body that breaks off is a request that never was.
    let body = body.collect().await.map_err(|_| h2::Reason::CANCEL)?.to_bytes();
    let logged = Logged {
        peer,
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    if shared.config.log {
        lock(&shared.log).push(logged.clone());
    }
    let actions = lock(&shared.script).for_request(&logged);
    let accept = answer::accepted(logged.accept());
    let mut plan = Plan::default();
    let mut break_after = None;
    let mut compression = Compression::IfLong;
    for action in actions {
        match action {
            Action::Delay(wait) => tokio::time::sleep(wait).await,
            Action::Pace(pace) => {
                if let Err(refusal) = pace.serve().await {
                    return Ok(answer::refusal(&refusal, accept));
                }
            }
            Action::Refuse(refusal) => return Ok(answer::refusal(&refusal, accept)),
            Action::Hang => std::future::pending().await,
            Action::Reset(reason) => return Err(reason.into()),
            Action::GoAway => control.go_away(),
            Action::Close => {
                control.close();
                std::future::pending::<()>().await;
            }
            Action::BreakBody { after } => break_after = Some(after),
            Action::Trickle { piece, pause } => {
                plan.chop = vec![piece];
                plan.pause = pause;
            }
            Action::Gzip => compression = Compression::Always,
            Action::MislabelAsGzip => compression = Compression::Pretended,
            Action::Truncate { after } => plan.truncate_after = Some(after),
            Action::Chop(sizes) => plan.chop = sizes,
            Action::ErrorEvent { after, refusal } => plan.error_after = Some((after, refusal)),
            Action::EndWatch { after } => plan.end_after = Some(after),
        }
    }
    plan.break_after = break_after;
    let (piece, pause) = (plan.chop.first().copied(), plan.pause);
    let line = lock(&shared.line).clone().filter(|_| !logged.is_watch());
    if let Some(line) = line
        && let Err(refusal) = line.serve().await
    {
        return Ok(answer::refusal(&refusal, accept));
    }
    let response = respond(&shared, &logged, accept, plan);
    let response = compression.apply(response, &logged);
    Ok(match break_after {
        Some(after) if !logged.is_watch() => answer::broken_after(response, after),
        _ if logged.is_watch() || pause.is_zero() => response,
        _ => answer::trickling(response, piece.unwrap_or(1), pause),
    })
}

/// The same without a network.
pub(crate) fn answer_directly(shared: &Arc<Shared>, request: &wire::Request) -> wire::Response {
    let (path, query) = request.path_and_query.split_once('?').unwrap_or((&request.path_and_query, ""));
    let content = (header::CONTENT_TYPE, request.content.content_type());
    let logged = Logged {
        peer: Peer::default(),
        method: request.method.clone(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: HeaderMap::from_iter([content]),
        body: request.body.clone(),
    };
    let response = respond(shared, &logged, request.accept, Plan::default());
    let (head, body) = response.into_parts();
    wire::Response {
        status: head.status,
        encoding: Encoding::of_content_type(head.headers.get(header::CONTENT_TYPE)),
        body: match body {
            Body::Whole(bytes) => bytes,
            Body::Stream(_) => Bytes::new(),
        },
        retry_after: None,
    }
}

fn respond(shared: &Arc<Shared>, request: &Logged, accept: Encoding, plan: Plan) -> Response<Body> {
    if let Some(answer) = verbs::review(shared, request) {
        return answer.unwrap_or_else(|refusal| answer::refusal(&refusal, accept));
    }
    let Some(target) = Target::parse(&request.path) else {
        return outside_the_api(&request.path, accept);
    };
    let call = Call { shared, request, target, accept };
    let result = match request.method {
        Method::GET if request.is_watch() => verbs::watch(&call, plan),
        Method::GET => verbs::read(&call),
        Method::POST => verbs::post(&call),
        Method::PUT => verbs::replace(&call),
        Method::PATCH => verbs::patch(&call),
        Method::DELETE => verbs::delete(&call),
        _ => Err(Refusal::method_not_allowed()),
    };
    result.unwrap_or_else(|refusal| answer::refusal(&refusal, accept))
}

fn outside_the_api(path: &str, accept: Encoding) -> Response<Body> {
    match path {
        "/readyz" | "/livez" | "/healthz" => {
            answer::whole(StatusCode::OK, Encoding::Text, Bytes::from_static(b"ok"))
        }
        "/version" => {
            let body = serde_json::json!({ "major": "1", "minor": "36", "gitVersion": "v1.36.3" });
            answer::whole(StatusCode::OK, Encoding::Json, body.to_string().into())
        }
        path => match discovery::answer(path) {
            Some(body) => answer::whole(StatusCode::OK, Encoding::Json, body.to_string().into()),
            None => answer::refusal(&Refusal::no_such_path(), accept),
        },
    }
}

//! Responses and their bodies.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::{Frame, SizeHint};
use k8s_pb::apimachinery::pkg::apis::meta::v1::ListMeta;
use prost::Message;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use wire::Encoding;

use crate::json;
use crate::refusal::Refusal;
use crate::resource::Resource;
use crate::store::Page;
use crate::stored::Stored;

/// What ends a body before its time: the stream is reset with this code.
pub(crate) type Broken = h2::Error;

/// The body of a response.
#[derive(Debug)]
pub(crate) enum Body {
    Whole(Bytes),
    /// Chunks as they come; an error resets the stream.
    Stream(mpsc::Receiver<Result<Bytes, Broken>>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(chunks) => {
                chunks.poll_recv(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// Cuts a body off after so many bytes and resets its stream.
pub(crate) fn broken_after(response: Response<Body>, after: usize) -> Response<Body> {
    response.map(|body| {
        let (chunks, receiver) = mpsc::channel(2);
        if let Body::Whole(bytes) = body {
            // The channel holds both.
            let _ = chunks.try_send(Ok(bytes.slice(..after.min(bytes.len()))));
            let _ = chunks.try_send(Err(h2::Reason::INTERNAL_ERROR.into()));
        }
        Body::Stream(receiver)
    })
}

/// Sends a body in pieces with a pause after each.
pub(crate) fn trickling(response: Response<Body>, piece: usize, pause: Duration) -> Response<Body> {
    response.map(|body| {
        let mut bytes = match body {
            Body::Whole(bytes) => bytes,
            stream @ Body::Stream(_) => return stream,
        };
        let (chunks, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            while !bytes.is_empty() {
                let next = bytes.split_to(piece.clamp(1, bytes.len()));
                if chunks.send(Ok(next)).await.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        });
        Body::Stream(receiver)
    })
}

/// The encoding that the client would like.
pub(crate) fn accepted(accept: &str) -> Encoding {
    if accept.contains("application/vnd.kubernetes.protobuf") { Encoding::Protobuf } else { Encoding::Json }
}

pub(crate) fn whole(status: StatusCode, encoding: Encoding, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::Whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, encoding.content_type());
    response
}

pub(crate) fn object(status: StatusCode, object: &Stored, accept: Encoding) -> Response<Body> {
    let (encoding, body) = object.render(accept);
    whole(status, encoding, body)
}

pub(crate) fn list(resource: &Resource, page: &Page, accept: Encoding) -> Response<Body> {
    let kind = format!("{}List", resource.kind);
    let messages: Option<Vec<Bytes>> = page.objects.iter().map(|object| object.message()).collect();
    if let Some(items) = messages.filter(|_| accept == Encoding::Protobuf) {
        let metadata = ListMeta {
            resource_version: Some(page.revision.to_string()),
            r#continue: Some(page.continue_token.clone()),
            ..ListMeta::default()
        };
        let message = AnyList { metadata: Some(metadata), items };
        let body = wire::protobuf::encode(resource.api_version, &kind, &message);
        return whole(StatusCode::OK, Encoding::Protobuf, body);
    }
    let items: Vec<Value> = page.objects.iter().map(|object: &Arc<Stored>| json::render(object)).collect();
    let body = json!({
        "apiVersion": resource.api_version, "kind": kind, "items": items,
        "metadata": { "resourceVersion": page.revision.to_string(), "continue": page.continue_token },
    });
    whole(StatusCode::OK, Encoding::Json, body.to_string().into())
}

/// An object's metadata and nothing else of it, in JSON.
pub(crate) fn metadata(object: &Stored) -> Response<Body> {
    whole(StatusCode::OK, Encoding::Json, json::render_partial(object).to_string().into())
}

/// The same of a list.
pub(crate) fn metadata_list(page: &Page) -> Response<Body> {
    let items: Vec<Value> = page.objects.iter().map(|object| json::render_partial(object)).collect();
    let body = json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "items": items,
        "metadata": { "resourceVersion": page.revision.to_string(), "continue": page.continue_token },
    });
    whole(StatusCode::OK, Encoding::Json, body.to_string().into())
}

pub(crate) fn refusal(refusal: &Refusal, accept: Encoding) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match accept {
        Encoding::Protobuf => wire::protobuf::encode("v1", "Status", &refusal.to_message()),
        _ => refusal.to_json().to_string().into(),
    };
    let mut response = whole(status, accept, body);
    if let Some(wait) = refusal.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    response
}

/// Any list type: items that are encoded already are field 2 in all of them.
#[derive(Clone, PartialEq, Message)]
struct AnyList {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ListMeta>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    items: Vec<Bytes>,
}

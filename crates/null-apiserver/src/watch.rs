//! The stream of one watch: what there is, what happens, bookmarks, and what a script does to it.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use k8s_pb::apimachinery::pkg::apis::meta::v1::{ObjectMeta, WatchEvent};
use k8s_pb::apimachinery::pkg::runtime::RawExtension;
use prost::Message;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::Encoding;

use crate::answer::Broken;
use crate::json;
use crate::refusal::Refusal;
use crate::resource::Resource;
use crate::select::Selection;
use crate::server::{Shared, lock};
use crate::store::Change;
use crate::stored::{Content, Stored, for_protobuf_watch};
use crate::watchers::Notice;

/// What a script does to a watch.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) chop: Vec<usize>,
    pub(crate) error_after: Option<(usize, Refusal)>,
    pub(crate) end_after: Option<usize>,
    pub(crate) break_after: Option<usize>,
    pub(crate) truncate_after: Option<usize>,
    /// Time between its chunks.
    pub(crate) pause: Duration,
}

/// What a watch begins with.
pub(crate) enum Start {
    /// All objects there are.
    Snapshot(Vec<Arc<Stored>>),
    /// What has changed since a revision.
    After,
    /// 410: that revision is forgotten.
    Expired,
}

/// A watch about to run.
pub(crate) struct Watching {
    pub(crate) shared: Arc<Shared>,
    pub(crate) resource: &'static Resource,
    pub(crate) selection: Selection,
    pub(crate) encoding: Encoding,
    pub(crate) bookmarks: bool,
    pub(crate) initial_events: bool,
    pub(crate) start: Start,
    /// The store's revision when the watch was asked for.
    pub(crate) revision: u64,
    /// Changes since its revision.
    pub(crate) missed: Vec<Arc<Change>>,
    /// Those to come.
    pub(crate) notices: mpsc::UnboundedReceiver<Notice>,
    pub(crate) timeout: Duration,
    pub(crate) plan: Plan,
}

/// The client is gone, or the script ended the watch.
struct Over;

/// Runs a watch to its end.
pub(crate) async fn run(mut watching: Watching, chunks: mpsc::Sender<Result<Bytes, Broken>>) {
    let mut out = Out {
        chunks,
        encoding: watching.encoding,
        plan: std::mem::take(&mut watching.plan),
        events: 0,
        bytes: 0,
        chunk: 0,
    };
    let timeout = watching.timeout;
    // Both ways to end are the same to the client: the stream ends.
    let _ = tokio::time::timeout(timeout, stream(watching, &mut out)).await;
}

async fn stream(mut watching: Watching, out: &mut Out) -> Result<(), Over> {
    out.end_if_planned().await?;
    let snapshot = match std::mem::replace(&mut watching.start, Start::Expired) {
        Start::Snapshot(objects) => objects,
        Start::After => Vec::new(),
        Start::Expired => return out.error(&Refusal::expired()).await,
    };
    for object in &snapshot {
        out.event("ADDED", object).await?;
    }
    if watching.initial_events && watching.bookmarks {
        out.event("BOOKMARK", &bookmark(watching.resource, watching.revision, true)).await?;
    }
    for change in std::mem::take(&mut watching.missed) {
        watching.tell(&change, out).await?;
    }
    let mut due = watching.shared.config.bookmark_every.map(|every| Instant::now() + every);
    loop {
        tokio::select! {
            notice = watching.notices.recv() => match notice.ok_or(Over)? {
                Notice::Change(change) => watching.tell(&change, out).await?,
                Notice::Bookmark => watching.bookmark(out).await?,
            },
            () = sleep_until(due) => {
                due = watching.shared.config.bookmark_every.map(|every| Instant::now() + every);
                watching.bookmark(out).await?;
            }
            () = out.chunks.closed() => return Err(Over),
        }
    }
}

/// For ever without a time.
async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

impl Watching {
    async fn tell(&self, change: &Change, out: &mut Out) -> Result<(), Over> {
        match seen_as(change, &self.selection) {
            Some(kind) => out.event(kind, &change.after).await,
            None => Ok(()),
        }
    }

    async fn bookmark(&self, out: &mut Out) -> Result<(), Over> {
        if !self.bookmarks {
            return Ok(());
        }
        let revision = lock(&self.shared.store).revision();
        out.event("BOOKMARK", &bookmark(self.resource, revision, false)).await
    }
}

/// What a change is to who sees a part of the collection: an object can enter and leave a selection.
fn seen_as(change: &Change, selection: &Selection) -> Option<&'static str> {
    let before = change.before.as_ref().is_some_and(|object| selection.matches(object));
    let after = !change.deleted && selection.matches(&change.after);
    match (before, after) {
        (false, true) => Some("ADDED"),
        (true, true) => Some("MODIFIED"),
        (true, false) => Some("DELETED"),
        (false, false) => None,
    }
}

/// An object of the watched kind that is nothing but its resource version.
fn bookmark(resource: &'static Resource, revision: u64, ends_initial_events: bool) -> Stored {
    let mut metadata = ObjectMeta { resource_version: Some(revision.to_string()), ..ObjectMeta::default() };
    if ends_initial_events {
        metadata.annotations.insert(wire::INITIAL_EVENTS_END.to_owned(), "true".to_owned());
    }
    Stored::new(resource, metadata, Content::Protobuf(Bytes::new()))
}

/// Where events go, as the script would have them.
struct Out {
    chunks: mpsc::Sender<Result<Bytes, Broken>>,
    encoding: Encoding,
    plan: Plan,
    events: usize,
    bytes: usize,
    chunk: usize,
}

impl Out {
    async fn event(&mut self, kind: &str, object: &Stored) -> Result<(), Over> {
        let frame = match self.encoding {
            Encoding::Protobuf => protobuf_frame(kind, for_protobuf_watch(object)),
            _ => json_frame(kind, &json::render(object)),
        };
        self.send(frame).await?;
        self.events += 1;
        self.end_if_planned().await
    }

    async fn error(&mut self, refusal: &Refusal) -> Result<(), Over> {
        let frame = match self.encoding {
            Encoding::Protobuf => {
                protobuf_frame("ERROR", wire::protobuf::encode("v1", "Status", &refusal.to_message()))
            }
            _ => json_frame("ERROR", &refusal.to_json()),
        };
        self.send(frame).await?;
        Err(Over)
    }

    async fn end_if_planned(&mut self) -> Result<(), Over> {
        if let Some((_, refusal)) = self.plan.error_after.take_if(|(after, _)| *after == self.events) {
            return self.error(&refusal).await;
        }
        if self.plan.end_after == Some(self.events) { Err(Over) } else { Ok(()) }
    }

    async fn send(&mut self, frame: Bytes) -> Result<(), Over> {
        let mut rest = frame;
        while !rest.is_empty() {
            let size = match self.plan.chop.as_slice() {
                [] => rest.len(),
                sizes => sizes[self.chunk % sizes.len()].clamp(1, rest.len()),
            };
            self.chunk += 1;
            let chunk = rest.split_to(size);
            let limit = self.plan.break_after.or(self.plan.truncate_after);
            if let Some(limit) = limit.filter(|&limit| self.bytes + chunk.len() > limit) {
                self.put(Ok(chunk.slice(..limit - self.bytes))).await?;
                if self.plan.break_after.is_some() {
                    self.put(Err(h2::Reason::INTERNAL_ERROR.into())).await?;
                }
                return Err(Over);
            }
            self.bytes += chunk.len();
            self.put(Ok(chunk)).await?;
            if !self.plan.pause.is_zero() {
                tokio::time::sleep(self.plan.pause).await;
            }
        }
        Ok(())
    }

    async fn put(&self, chunk: Result<Bytes, Broken>) -> Result<(), Over> {
        self.chunks.send(chunk).await.map_err(|_| Over)
    }
}

fn protobuf_frame(kind: &str, enveloped: Bytes) -> Bytes {
    let event = WatchEvent {
        r#type: Some(kind.to_owned()),
        object: Some(RawExtension { raw: Some(enveloped.into()) }),
    };
    let length = u32::try_from(event.encoded_len()).unwrap_or(u32::MAX);
    let mut frame = BytesMut::from(length.to_be_bytes().as_slice());
    event.encode_raw(&mut frame);
    frame.freeze()
}

fn json_frame(kind: &str, object: &serde_json::Value) -> Bytes {
    let mut line = json!({ "type": kind, "object": object }).to_string();
    line.push('\n');
    line.into()
}

//! The lists driver: lists of any resource, at a rate.
//!
//! Sends, as ServiceAccounts that take turns, open loop: `GET` of a collection, whole or page by page, in JSON or protobuf, compressed
//! or not. Records: `list` of the resource, a request each; an operation is a whole list, done when its last page has come. Of the whole
//! load: bytes on the way, and objects.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use measure::{Kind, Start};
use wire::{Encoding, List, Request, Response};

use super::{
    Driver, Report, Senders, Stage, for_good,
    open_loop::{self, End},
    tell_figures,
};
use crate::{
    resources::Resource,
    scenario::{Consistency, ListEncoding, ListsLoad},
};

/// A lists load, ready to go.
pub(crate) struct ListsDriver {
    pub(crate) load: ListsLoad,
    pub(crate) resource: Resource,
}

/// What every list needs.
struct Work {
    load: ListsLoad,
    resource: Resource,
    kind: Kind,
    senders: Senders,
    namespaces: Vec<String>,
    /// Of bodies as they were read: what came over the wire is less where it was compressed.
    bytes: AtomicU64,
    objects: AtomicU64,
    /// Answers whose objects were counted.
    taken_apart: AtomicU64,
    lists: AtomicU64,
}

impl Driver for ListsDriver {
    async fn run(self, mut stage: Stage) -> anyhow::Result<Report> {
        let (arrivals, rate) = (self.load.arrivals, self.load.rate);
        let work = Arc::new(Work {
            kind: Kind::new("list", for_good(self.resource.to_string())),
            load: self.load,
            resource: self.resource,
            senders: stage.senders.clone(),
            namespaces: stage.namespaces.clone(),
            bytes: AtomicU64::new(0),
            objects: AtomicU64::new(0),
            taken_apart: AtomicU64::new(0),
            lists: AtomicU64::new(0),
        });
        let told = work.senders.told.clone();
        let running = open_loop::run(&mut stage, arrivals, rate, |start| work.clone().list(start));
        let accounting = tokio::select! {
            accounting = running => accounting?,
            never = tell_figures(&told, || work.figures()) => match never {},
        };
        Ok(Report { accounting, stages: None, figures: work.figures() })
    }
}

impl Work {
    /// One list, page after page.
    async fn list(self: Arc<Self>, Start { index, intended }: Start) -> End {
        let told = &self.senders.told;
        told.offers(intended);
        let mut token = String::new();
        let mut due = intended;
        loop {
            let (done, response) =
                self.senders.send(index, self.kind, due, self.request(index, &token)).await;
            if let Some(class) = done.outcome.error() {
                told.misses(intended);
                return End::Failed(class.name().to_owned());
            }
            token = response.as_ref().map(|response| self.count(response)).unwrap_or_default();
            if token.is_empty() {
                told.achieves(intended, done.ended);
                return End::Gone;
            }
            // The next page is asked for when this one has come.
            due = done.ended;
        }
    }

    /// Counts what came and says where the next page begins.
    fn count(&self, response: &Response) -> String {
        self.bytes.fetch_add(response.body.len() as u64, Ordering::Relaxed);
        // To take a list apart costs more than to read it: of what has no pages the first is enough to know how many objects it has.
        if self.load.limit.is_none() && self.objects.load(Ordering::Relaxed) > 0 {
            self.lists.fetch_add(1, Ordering::Relaxed);
            return String::new();
        }
        let Ok(list) = List::read(response) else { return String::new() };
        self.objects.fetch_add(list.items.len() as u64, Ordering::Relaxed);
        self.taken_apart.fetch_add(1, Ordering::Relaxed);
        if list.continue_token.is_empty() {
            self.lists.fetch_add(1, Ordering::Relaxed);
        }
        list.continue_token
    }

    fn request(&self, index: u64, token: &str) -> Request {
        let load = &self.load;
        let namespace = usize::try_from(index % self.namespaces.len() as u64).unwrap_or(0);
        let namespace = load.namespaced.then(|| self.namespaces[namespace].as_str());
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(selector) = &load.label_selector {
            query.append_pair("labelSelector", selector);
        }
        if let Some(selector) = &load.field_selector {
            query.append_pair("fieldSelector", selector);
        }
        if let Some(limit) = load.limit {
            query.append_pair("limit", &limit.to_string());
        }
        if token.is_empty() {
            if load.consistency == Consistency::Any {
                query.append_pair("resourceVersion", "0");
            }
        } else {
            query.append_pair("continue", token);
        }
        let path = format!("{}?{}", self.resource.path(namespace, None), query.finish());
        let accept = match load.encoding {
            ListEncoding::Json => Encoding::Json,
            ListEncoding::Protobuf => Encoding::Protobuf,
        };
        Request::get(path.trim_end_matches('?')).accept(accept).gzip(load.gzip)
    }

    #[expect(clippy::cast_precision_loss, reason = "a run does not read 2^53 bytes")]
    fn figures(&self) -> std::collections::BTreeMap<String, f64> {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let lists = of(&self.lists);
        // Of a list in pages all pages together.
        let counted = if self.load.limit.is_some() { lists } else { of(&self.taken_apart) };
        let each = |what: f64, of: f64| (of > 0.0 && what > 0.0).then(|| what / of);
        let figures = [
            ("bytes-per-list", each(of(&self.bytes), lists)),
            ("objects-per-list", each(of(&self.objects), counted)),
            ("bytes", Some(of(&self.bytes))),
        ];
        figures.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?))).collect()
    }
}

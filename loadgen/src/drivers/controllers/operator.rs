//! An operator: it writes the status of each object whose generation it has not seen yet.
//!
//! Sends: `PUT <object>/status` with the object as its cache has it, so that one that is out of date is refused (409) and comes again.
//! Its own write comes back by the watch and leaves nothing to do. The status says `observedGeneration`, as the API's conventions have
//! it, and a text of the length that is asked for.

use std::{collections::HashMap, sync::Arc};

use measure::{ErrorClass, Kind, Nanos};
use serde_json::{Value, json};
use wire::{Encoding, Request};

use super::{
    super::{Senders, for_good, version},
    reconciling::{Controller, Ended, Work},
    tally::Tally,
};
use crate::resources::Resource;

/// An operator's cache, and what it has to do.
pub(super) struct Operator {
    /// What it writes: the status.
    resource: Resource,
    kind: Kind,
    filler: Arc<str>,
    senders: Senders,
    tally: Arc<Tally>,
    objects: HashMap<String, Value>,
    /// Since when objects are not as they should be.
    due: HashMap<String, Nanos>,
    /// The generation that is being written.
    writing: HashMap<String, i64>,
    /// The last that was: its event may still be on its way.
    written: HashMap<String, i64>,
}

impl Operator {
    pub(super) fn new(resource: Resource, status_bytes: u32, senders: Senders, tally: Arc<Tally>) -> Self {
        let resource = Resource { subresource: Some("status".to_owned()), ..resource };
        let length = usize::try_from(status_bytes).unwrap_or(0);
        Self {
            kind: Kind::new("update", for_good(resource.to_string())),
            resource,
            filler: Arc::from(&"loadgen ".repeat(length / 8 + 1)[..length]),
            senders,
            tally,
            objects: HashMap::new(),
            due: HashMap::new(),
            writing: HashMap::new(),
            written: HashMap::new(),
        }
    }

    /// Whether the status of an object that is to stay is not of its generation.
    fn needs(&self, key: &str) -> bool {
        let Some(object) = self.objects.get(key) else { return false };
        let observed = object["status"]["observedGeneration"].as_i64().unwrap_or_default();
        let written = self.written.get(key).copied().unwrap_or_default();
        object["metadata"]["deletionTimestamp"].is_null() && observed.max(written) < generation(object)
    }

    fn request(&self, object: &Value) -> Request {
        let metadata = &object["metadata"];
        let path = self.resource.path(metadata["namespace"].as_str(), metadata["name"].as_str());
        let mut object = object.clone();
        object["status"]["observedGeneration"] = metadata["generation"].clone();
        if !self.filler.is_empty() {
            object["status"]["message"] = json!(&*self.filler);
        }
        Request::put(path, object.to_string(), Encoding::Json).accept(Encoding::Json)
    }

    /// It is as it should be, if it was not.
    fn settle(&mut self, key: &str, at: Nanos) {
        if let Some(due) = self.due.remove(key) {
            self.senders.told.achieves(due, at);
            self.tally.achieved();
        }
    }

    /// There is nothing to do about it any more.
    fn moot(&mut self, key: &str, at: Nanos) {
        if let Some(due) = self.due.remove(key) {
            self.senders.told.achieves(due, at);
            self.tally.moot();
        }
    }
}

impl Controller for Operator {
    fn see(&mut self, key: &str, object: Value, at: Nanos) -> bool {
        self.objects.insert(key.to_owned(), object);
        let needs = self.needs(key);
        if needs && !self.due.contains_key(key) {
            self.due.insert(key.to_owned(), at);
            self.senders.told.offers(at);
            self.tally.offered();
        }
        if !needs && !self.writing.contains_key(key) {
            self.settle(key, at);
        }
        needs
    }

    fn gone(&mut self, key: &str, at: Nanos) -> bool {
        self.objects.remove(key);
        self.written.remove(key);
        self.moot(key, at);
        false
    }

    fn work(&mut self, key: &str) -> Option<Work> {
        let object = self.objects.get(key).filter(|_| self.needs(key))?;
        let (request, generation) = (self.request(object), generation(object));
        self.writing.insert(key.to_owned(), generation);
        let (senders, kind) = (self.senders.clone(), self.kind);
        Some(Box::pin(async move {
            let (done, response) = senders.send(0, kind, senders.clock.now(), request).await;
            let stored = response.filter(|_| done.outcome.error().is_none());
            if let Some(version) = stored.as_ref().and_then(version) {
                senders.told.acknowledges(version, done.ended);
            }
            Ended { at: done.ended, error: done.outcome.error() }
        }))
    }

    fn over(&mut self, key: &str, ended: Ended) -> bool {
        let generation = self.writing.remove(key);
        match ended.error {
            None => {
                if let Some(generation) = generation.filter(|_| self.objects.contains_key(key)) {
                    self.written.insert(key.to_owned(), generation);
                }
            }
            // It was deleted, and the watch says so.
            Some(ErrorClass::NotFound) => {
                self.moot(key, ended.at);
                return false;
            }
            Some(_) => {}
        }
        // A change that came meanwhile is in the queue already.
        if !self.needs(key) {
            self.settle(key, ended.at);
            return false;
        }
        ended.error.is_some()
    }
}

fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{super::no_senders, *};

    fn operator() -> Operator {
        let widgets = Resource::known("example.com/v1", "widgets", true);
        Operator::new(widgets, 20, no_senders(), Arc::default())
    }

    fn widget(generation: i64, observed: i64) -> Value {
        json!({
            "metadata": { "name": "w", "namespace": "n", "generation": generation },
            "status": { "observedGeneration": observed, "phase": "Ready" },
        })
    }

    fn ended(error: Option<ErrorClass>) -> Ended {
        Ended { at: Nanos(10), error }
    }

    /// Offered, done, and of which nothing was left.
    fn tally(operator: &Operator) -> (u64, u64, u64) {
        let accounting = operator.tally.accounting();
        (accounting.offered, accounting.there, accounting.gone)
    }

    #[test]
    fn the_status_is_written_as_a_whole_object_with_what_it_had() {
        let request = operator().request(&widget(3, 2));
        assert_eq!(request.path_and_query, "/apis/example.com/v1/namespaces/n/widgets/w/status");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            body["status"],
            json!({ "observedGeneration": 3, "phase": "Ready", "message": "loadgen loadgen load" })
        );
    }

    #[test]
    fn its_own_write_leaves_nothing_to_do() {
        let mut operator = operator();
        assert!(operator.see("n/w", widget(1, 0), Nanos(1)));
        assert!(operator.work("n/w").is_some());
        assert!(!operator.over("n/w", ended(None)));
        assert!(!operator.see("n/w", widget(1, 0), Nanos(11)), "what was on its way before it");
        assert!(!operator.see("n/w", widget(1, 1), Nanos(12)));
        assert!(operator.work("n/w").is_none());
        assert_eq!(tally(&operator), (1, 1, 0));
    }

    #[test]
    fn a_change_that_comes_while_it_writes_is_one_with_that_before_it() {
        let mut operator = operator();
        operator.see("n/w", widget(1, 0), Nanos(1));
        assert!(operator.work("n/w").is_some());
        assert!(operator.see("n/w", widget(2, 0), Nanos(2)));
        assert!(!operator.over("n/w", ended(None)));
        assert_eq!(tally(&operator), (1, 0, 0), "not done yet");
        assert!(operator.work("n/w").is_some());
        assert!(!operator.over("n/w", ended(None)));
        assert_eq!(tally(&operator), (1, 1, 0));
    }

    #[test]
    fn a_conflict_comes_again_unless_there_is_nothing_left_to_do() {
        let mut operator = operator();
        operator.see("n/w", widget(1, 0), Nanos(1));
        assert!(operator.work("n/w").is_some());
        assert!(operator.over("n/w", ended(Some(ErrorClass::Conflict))));
        assert!(operator.work("n/w").is_some());
        operator.see("n/w", widget(1, 1), Nanos(2));
        assert!(!operator.over("n/w", ended(Some(ErrorClass::Conflict))));
        assert_eq!(tally(&operator), (1, 1, 0));
    }

    #[test]
    fn what_is_deleted_is_over_and_its_successor_begins_anew() {
        let mut operator = operator();
        operator.see("n/w", widget(4, 0), Nanos(1));
        assert!(operator.work("n/w").is_some());
        operator.gone("n/w", Nanos(2));
        assert!(!operator.over("n/w", ended(Some(ErrorClass::NotFound))));
        assert_eq!(tally(&operator), (1, 0, 1));
        assert!(operator.see("n/w", widget(1, 0), Nanos(3)));
    }
}

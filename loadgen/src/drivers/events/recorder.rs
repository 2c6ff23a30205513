//! Events as a recorder makes and remembers them. Pure.
//!
//! Source: client-go `tools/record/event.go` (`makeEvent`) and `events_cache.go` (`eventLogger`).

use std::{collections::VecDeque, sync::Arc};

use jiff::Timestamp;
use k8s_pb::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1 as meta};
use serde_json::json;
use wire::{Encoding, Request};

use crate::{
    nodes::RUN_LABEL,
    scenario::{InventorySpec, TemplateError},
};

/// Events that a recorder remembers (`maxLruCacheEntries`).
const REMEMBERED: usize = 4096;
/// Who says that it records them.
const COMPONENT: &str = "loadgen";

/// What happens, in turn: type, reason, message. The last is what a probe that fails says again and again.
const HAPPENINGS: [(&str, &str, &str); 5] = [
    ("Normal", "Scheduled", "Successfully assigned the pod to a node"),
    (
        "Normal",
        "Pulled",
        "Container image \"registry.k8s.io/pause:3.10.1\" already present on machine and can be accessed by the pod",
    ),
    ("Normal", "Created", "Container created"),
    ("Normal", "Started", "Container started"),
    ("Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
];

/// What events are about: one object after the other.
#[derive(Clone, Debug)]
pub(super) struct About {
    run: String,
    version: String,
    kind: String,
    /// Before the number in an object's name.
    prefix: String,
    count: u64,
    /// Those of them that are used.
    namespaces: Vec<Arc<str>>,
}

/// The object an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    version: String,
    kind: String,
    namespace: Arc<str>,
    name: String,
    uid: String,
}

/// An event, as often as it has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    about: Reference,
    happening: (&'static str, &'static str, &'static str),
    /// When it happened first. To the nanosecond it is part of the name.
    first: Timestamp,
    last: Timestamp,
    pub(super) count: i32,
}

/// Events that are there and not being written, those first that were written longest ago.
#[derive(Debug)]
pub(super) struct Known {
    /// Of a hundred events so many have happened before.
    percent: u64,
    events: VecDeque<Event>,
}

impl About {
    /// The objects of an inventory, over as many namespaces as they are.
    pub(super) fn inventory(
        of: &InventorySpec,
        run: &str,
        namespaces: Vec<String>,
    ) -> Result<Self, TemplateError> {
        let template = of.template(run, None)?;
        let (version, kind) = template.kind();
        let used = usize::try_from(of.namespaces).unwrap_or(usize::MAX).max(1);
        Ok(Self {
            run: run.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            prefix: of.name.clone(),
            count: u64::from(of.count.max(1)),
            namespaces: namespaces.into_iter().take(used).map(Arc::from).collect(),
        })
    }

    /// Pods that do not exist, so many.
    pub(super) fn made_up(load: &str, count: u32, run: &str, namespaces: Vec<String>) -> Self {
        Self {
            run: run.to_owned(),
            version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            prefix: format!("{load}-pod"),
            count: u64::from(count.max(1)),
            namespaces: namespaces.into_iter().map(Arc::from).collect(),
        }
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// The event of this number, which has not happened before.
    pub(super) fn event(&self, turn: u64, now: Timestamp) -> Event {
        let number = turn % self.count;
        let place = usize::try_from(number % self.namespaces.len() as u64).unwrap_or(0);
        let about = Reference {
            version: self.version.clone(),
            kind: self.kind.clone(),
            namespace: self.namespaces[place].clone(),
            name: format!("{}-{number}", self.prefix),
            // Nobody reads it; it has the length of one.
            uid: format!("00000000-0000-4000-8000-{number:012x}"),
        };
        // Objects have all that happens happen to them, one after the other.
        let happening = HAPPENINGS[usize::try_from(turn / self.count % HAPPENINGS.len() as u64).unwrap_or(0)];
        Event { about, happening, first: now, last: now, count: 1 }
    }
}

impl Event {
    /// It has happened once more.
    pub(super) fn again(self, now: Timestamp) -> Self {
        Self { last: now, count: self.count + 1, ..self }
    }

    /// It is written as if it had never been, because what was written is gone.
    pub(super) fn anew(self, now: Timestamp) -> Self {
        Self { first: now, last: now, count: 1, ..self }
    }

    /// `record/util.GenerateEventName`.
    fn name(&self) -> String {
        format!("{}.{:x}", self.about.name, self.first.as_nanosecond())
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/events", self.about.namespace)
    }

    /// Writes it as a new object.
    pub(super) fn create(&self, run: &str) -> Request {
        let body = wire::protobuf::encode("v1", "Event", &self.object(run));
        Request::post(self.path(), body, Encoding::Protobuf)
    }

    /// Writes it once more into the object that is there.
    pub(super) fn patch(&self) -> Request {
        let (_, _, message) = self.happening;
        let last = self.last.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let body = json!({ "count": self.count, "lastTimestamp": last, "message": message });
        Request::patch_strategic(format!("{}/{}", self.path(), self.name()), body.to_string())
    }

    fn object(&self, run: &str) -> core::Event {
        let (r#type, reason, message) = self.happening;
        let about = &self.about;
        core::Event {
            metadata: Some(meta::ObjectMeta {
                name: Some(self.name()),
                namespace: Some(about.namespace.to_string()),
                labels: [(RUN_LABEL.to_owned(), run.to_owned())].into(),
                ..Default::default()
            }),
            involved_object: Some(core::ObjectReference {
                kind: Some(about.kind.clone()),
                namespace: Some(about.namespace.to_string()),
                name: Some(about.name.clone()),
                uid: Some(about.uid.clone()),
                api_version: Some(about.version.clone()),
                ..Default::default()
            }),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            source: Some(core::EventSource { component: Some(COMPONENT.to_owned()), ..Default::default() }),
            first_timestamp: Some(time(self.first)),
            last_timestamp: Some(time(self.last)),
            count: Some(self.count),
            r#type: Some(r#type.to_owned()),
            reporting_component: Some(COMPONENT.to_owned()),
            ..Default::default()
        }
    }
}

impl Known {
    pub(super) fn new(percent: u32) -> Self {
        Self { percent: percent.into(), events: VecDeque::new() }
    }

    /// What happens again as event `index` of the load; nothing if that is to be new, or nothing is known that could.
    pub(super) fn repeated(&mut self, index: u64) -> Option<Event> {
        let repeats = |events: u64| events * self.percent / 100;
        let is_one = repeats(index + 1) > repeats(index);
        if is_one { self.events.pop_front() } else { None }
    }

    /// Remembers an event that is there. Until then nobody else writes it.
    pub(super) fn keep(&mut self, event: Event) {
        self.events.push_back(event);
        if self.events.len() > REMEMBERED {
            self.events.pop_front();
        }
    }
}

/// A time as the API has it: whole seconds.
fn time(time: Timestamp) -> meta::Time {
    meta::Time { seconds: Some(time.as_second()), nanos: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn about() -> About {
        About::made_up("storm", 3, "r1", vec!["a".to_owned(), "b".to_owned()])
    }

    #[test]
    fn objects_have_all_that_happens_happen_to_them() {
        let events: Vec<Event> = (0..6).map(|turn| about().event(turn, at(1))).collect();
        let of = |index: usize| {
            (events[index].about.name.as_str(), &*events[index].about.namespace, events[index].happening.1)
        };
        assert_eq!(of(0), ("storm-pod-0", "a", "Scheduled"));
        assert_eq!(of(1), ("storm-pod-1", "b", "Scheduled"));
        assert_eq!(of(3), ("storm-pod-0", "a", "Pulled"));
        assert_eq!(of(5), ("storm-pod-2", "a", "Pulled"));
    }

    #[test]
    fn a_share_of_events_are_repeats_of_those_written_longest_ago() {
        let mut known = Known::new(40);
        for number in 0..3 {
            known.keep(about().event(number, at(1)));
        }
        let repeated: Vec<bool> = (0..10)
            .map(|index| {
                let event = known.repeated(index);
                let is_one = event.is_some();
                if let Some(event) = event {
                    known.keep(event.again(at(2)));
                }
                is_one
            })
            .collect();
        assert_eq!(repeated.iter().filter(|it| **it).count(), 4);
        let counts: Vec<i32> = known.events.iter().map(|event| event.count).collect();
        assert_eq!(counts, [2, 2, 3], "each in turn");
        assert_eq!(Known::new(100).repeated(0), None, "nothing has happened yet");
    }

    #[test]
    fn no_more_is_remembered_than_a_recorder_does() {
        let mut known = Known::new(100);
        for number in 0..5000 {
            known.keep(about().event(number, at(1)));
        }
        assert_eq!(known.events.len(), REMEMBERED);
    }

    #[test]
    fn a_repeat_patches_the_object_of_the_first_and_one_that_is_gone_is_a_new_object() {
        let first = about().event(0, at(10));
        let again = first.clone().again(at(20));
        let patch = again.patch();
        assert_eq!(patch.path_and_query, format!("/api/v1/namespaces/a/events/{}", first.name()));
        let body: serde_json::Value = serde_json::from_slice(&patch.body).unwrap();
        assert_eq!((&body["count"], &body["lastTimestamp"]), (&json!(2), &json!("1970-01-01T00:00:20Z")));
        let anew = again.anew(at(30));
        assert_ne!(anew.name(), first.name());
        assert_eq!(anew.count, 1);
    }

    #[test]
    fn an_event_is_what_the_api_takes() {
        let object = about().event(7, at(10)).object("r1");
        let metadata = object.metadata.unwrap();
        assert_eq!(metadata.labels[RUN_LABEL], "r1");
        // The API wants an event in the namespace of what it is about.
        assert_eq!(metadata.namespace, object.involved_object.unwrap().namespace);
    }
}

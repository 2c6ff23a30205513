//! The objects, their one revision counter, and the history that watches read.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use tokio::sync::mpsc;

use k8s_pb::api::core::v1::Node;

use crate::Kind;
use crate::binding::{bound_to, takes_pods};
use crate::moment;
use crate::refusal::Refusal;
use crate::resource::Resource;
use crate::select::Selection;
use crate::stored::Stored;
use crate::watchers::{Notice, Watchers};

/// Where new histories begin, so that no test mistakes a resource version for a count.
const FIRST_REVISION: u64 = 1000;

/// Everything the server knows.
#[derive(Debug)]
pub(crate) struct Store {
    revision: u64,
    /// Watches from before this revision are told 410.
    compacted: u64,
    uids: u64,
    /// Lists from version 0 are served whole; without it they are paged as all others.
    watch_cache: bool,
    /// Changes of a collection that are kept for watches from an older revision.
    history: usize,
    /// The node that was given a pod last.
    bound_last: Key,
    collections: HashMap<&'static Resource, Collection>,
}

/// The objects of one kind.
#[derive(Debug)]
struct Collection {
    objects: BTreeMap<Key, Arc<Stored>>,
    /// The last changes, oldest first.
    history: VecDeque<Arc<Change>>,
    /// The revision of the newest change that is no longer in the history.
    forgotten: u64,
    watchers: Watchers,
}

/// Namespace and name.
type Key = (String, String);

/// One write, as watches see it.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) before: Option<Arc<Stored>>,
    /// The object after the write; as it last was, at the revision of the deletion, if it is gone.
    pub(crate) after: Arc<Stored>,
    pub(crate) deleted: bool,
}

/// One page of a list.
pub(crate) struct Page {
    pub(crate) objects: Vec<Arc<Stored>>,
    pub(crate) revision: u64,
    /// Where the next page starts; empty on the last.
    pub(crate) continue_token: String,
}

impl Store {
    /// An empty one that keeps so many changes of each collection.
    pub(crate) fn new(history: usize) -> Self {
        Self {
            history,
            revision: FIRST_REVISION,
            compacted: 0,
            uids: 0,
            watch_cache: true,
            bound_last: Key::default(),
            collections: HashMap::new(),
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether changes after a revision are no longer all known.
    pub(crate) fn has_forgotten(&self, resource: &'static Resource, revision: u64) -> bool {
        let forgotten = self.collections.get(resource).map_or(0, |collection| collection.forgotten);
        revision < self.compacted.max(forgotten)
    }

    /// Forgets the history up to now.
    pub(crate) fn compact(&mut self) {
        self.compacted = self.revision;
    }

    pub(crate) fn has_watch_cache(&self) -> bool {
        self.watch_cache
    }

    pub(crate) fn disable_watch_cache(&mut self) {
        self.watch_cache = false;
    }

    /// Lets the revision move without a change to any object that is watched, as writes to other kinds do.
    pub(crate) fn advance(&mut self, by: u64) {
        self.revision += by;
    }

    /// Wakes every watch to send a bookmark.
    pub(crate) fn ask_for_bookmarks(&mut self) {
        for collection in self.collections.values_mut() {
            collection.watchers.ask_for_bookmarks();
        }
    }

    pub(crate) fn get(
        &self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
    ) -> Option<Arc<Stored>> {
        self.collections.get(resource)?.objects.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Objects in the order of their names, at most `limit`, after the continue token.
    pub(crate) fn list(
        &self,
        resource: &'static Resource,
        selection: &Selection,
        limit: Option<usize>,
        after: &str,
    ) -> Page {
        let mut page = Page { objects: Vec::new(), revision: self.revision, continue_token: String::new() };
        let Some(collection) = self.collections.get(resource) else { return page };
        let start = match after.split_once('/') {
            Some((namespace, name)) => Bound::Excluded((namespace.to_owned(), name.to_owned())),
            None => Bound::Unbounded,
        };
        for object in collection.objects.range((start, Bound::Unbounded)).map(|(_, object)| object) {
            if !selection.matches(object) {
                continue;
            }
            if let Some(last) = page.objects.last().filter(|_| limit == Some(page.objects.len())) {
                page.continue_token = format!("{}/{}", last.namespace(), last.name());
                break;
            }
            page.objects.push(object.clone());
        }
        page
    }

    /// Adds a new object: gives it a name if it only has a beginning of one, a uid, a time and a resource version.
    pub(crate) fn create(&mut self, object: &Stored) -> Result<Arc<Stored>, Refusal> {
        let mut metadata = object.metadata.clone();
        self.uids += 1;
        if object.name().is_empty() {
            let Some(prefix) = metadata.generate_name.as_deref().filter(|prefix| !prefix.is_empty()) else {
                return Err(Refusal::new(
                    422,
                    "Invalid",
                    "metadata.name: Required value: name or generateName is required",
                ));
            };
            metadata.name = Some(format!("{prefix}{:05x}", self.uids));
        }
        let name = metadata.name.clone().unwrap_or_default();
        if self.get(object.resource, object.namespace(), &name).is_some() {
            return Err(Refusal::already_exists(object.resource, &name));
        }
        metadata.uid = Some(format!("00000000-0000-4000-8000-{:012x}", self.uids));
        metadata.creation_timestamp = Some(moment::now());
        metadata.generation.get_or_insert(1);
        Ok(self.write(&object.with_metadata(metadata)))
    }

    /// Writes an object over whatever is there, at the next revision.
    pub(crate) fn write(&mut self, object: &Stored) -> Arc<Stored> {
        let (revision, object) = self.at_next_revision(object);
        let history = self.history;
        let collection = self.collection(object.resource);
        let key = (object.namespace().to_owned(), object.name().to_owned());
        let before = collection.objects.insert(key, object.clone());
        collection.record(Change { revision, before, after: object.clone(), deleted: false }, history);
        object
    }

    /// Removes an object; the answer is how it last was.
    pub(crate) fn remove(
        &mut self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
    ) -> Option<Arc<Stored>> {
        let key = (namespace.to_owned(), name.to_owned());
        let before = self.collections.get_mut(resource)?.objects.remove(&key)?;
        let (revision, after) = self.at_next_revision(&before);
        let change = Change { revision, before: Some(before), after: after.clone(), deleted: true };
        let history = self.history;
        self.collection(resource).record(change, history);
        Some(after)
    }

    /// Removes everything in a namespace.
    pub(crate) fn empty(&mut self, namespace: &str) {
        let in_it = |(key, _): &(&Key, &Arc<Stored>)| key.0 == namespace;
        let keys: Vec<(&'static Resource, Key)> = self
            .collections
            .iter()
            .flat_map(|(resource, all)| {
                all.objects.iter().filter(in_it).map(|(key, _)| (*resource, key.clone()))
            })
            .collect();
        for (resource, (namespace, name)) in keys {
            self.remove(resource, &namespace, &name);
        }
    }

    /// Changes after a revision that are known, and what tells of those to come.
    pub(crate) fn watch(
        &mut self,
        resource: &'static Resource,
        selection: &Selection,
        revision: u64,
    ) -> (Vec<Arc<Change>>, mpsc::UnboundedReceiver<Notice>) {
        let collection = self.collection(resource);
        let position = collection.history.partition_point(|change| change.revision <= revision);
        (collection.history.range(position..).cloned().collect(), collection.watchers.add(selection))
    }

    /// Gives a pod that no node was chosen for to the next node that takes pods, as a scheduler without preferences would.
    /// `None` if it has one or there is none.
    pub(crate) fn bind(&mut self, pod: &Stored) -> Option<Arc<Stored>> {
        let nodes = &self.collections.get(Node::resource())?.objects;
        let after = (Bound::Excluded(&self.bound_last), Bound::Unbounded);
        let all = nodes.range::<Key, _>(after).chain(nodes);
        let (key, _) = all.into_iter().take(nodes.len()).find(|(_, node)| takes_pods(node))?;
        let key = key.clone();
        let bound = bound_to(pod, &key.1)?;
        self.bound_last = key;
        Some(self.write(&bound))
    }

    fn at_next_revision(&mut self, object: &Stored) -> (u64, Arc<Stored>) {
        self.revision += 1;
        let mut metadata = object.metadata.clone();
        metadata.resource_version = Some(self.revision.to_string());
        (self.revision, Arc::new(object.with_metadata(metadata)))
    }

    fn collection(&mut self, resource: &'static Resource) -> &mut Collection {
        self.collections.entry(resource).or_insert_with(|| Collection {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            forgotten: 0,
            watchers: Watchers::default(),
        })
    }
}

impl Collection {
    fn record(&mut self, change: Change, history: usize) {
        let change = Arc::new(change);
        self.watchers.tell(&change);
        self.history.push_back(change);
        if self.history.len() > history {
            let oldest = self.history.pop_front();
            self.forgotten = oldest.map_or(self.forgotten, |change| change.revision);
        }
    }
}

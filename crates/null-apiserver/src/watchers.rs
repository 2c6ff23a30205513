//! Who is told of a change: the watches of a collection, by what they can see.
//!
//! As kube-apiserver's watch cache does for pods by node and for nodes by name (apiserver `pkg/storage/cacher`, triggers): with
//! ten thousand nodes that each watch themselves, a change must not wake them all.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::select::Selection;
use crate::store::Change;
use crate::stored::Stored;

/// Fields of which a watch mostly wants one value.
const INDEXED: [&str; 2] = ["metadata.name", "spec.nodeName"];

/// What a watch is told.
#[derive(Clone, Debug)]
pub(crate) enum Notice {
    /// Something was written that it may be about.
    Change(Arc<Change>),
    /// A bookmark was asked for.
    Bookmark,
}

/// One value of an indexed field.
type Value = (&'static str, String);

/// The open watches of a collection.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    of_all: Vec<mpsc::UnboundedSender<Notice>>,
    by_value: HashMap<Value, Vec<mpsc::UnboundedSender<Notice>>>,
}

impl Watchers {
    /// From now on a watch is told, until it drops what is returned.
    pub(crate) fn add(&mut self, selection: &Selection) -> mpsc::UnboundedReceiver<Notice> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let value = INDEXED.iter().find_map(|field| Some((*field, selection.field(field)?.to_owned())));
        match value {
            Some(value) => self.by_value.entry(value).or_default().push(sender),
            None => self.of_all.push(sender),
        }
        receiver
    }

    /// Tells those that a change may be about.
    pub(crate) fn tell(&mut self, change: &Arc<Change>) {
        let notice = Notice::Change(change.clone());
        tell(&mut self.of_all, &notice);
        for field in INDEXED {
            let value = |object: &Stored| object.field(field).map(str::to_owned);
            let (before, after) = (change.before.as_deref().and_then(value), value(&change.after));
            let also = before.filter(|before| after.as_ref() != Some(before));
            for value in after.into_iter().chain(also) {
                self.tell_value(&(field, value), &notice);
            }
        }
    }

    /// Tells everybody to send a bookmark.
    pub(crate) fn ask_for_bookmarks(&mut self) {
        for watches in self.by_value.values_mut().chain([&mut self.of_all]) {
            tell(watches, &Notice::Bookmark);
        }
    }

    fn tell_value(&mut self, value: &Value, notice: &Notice) {
        if let Some(watches) = self.by_value.get_mut(value) {
            tell(watches, notice);
            if watches.is_empty() {
                self.by_value.remove(value);
            }
        }
    }
}

/// Tells all, and forgets those that have ended.
fn tell(watches: &mut Vec<mpsc::UnboundedSender<Notice>>, notice: &Notice) {
    watches.retain(|watch| watch.send(notice.clone()).is_ok());
}

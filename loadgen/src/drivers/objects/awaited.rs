//! Objects that operations wait for, and the watch that says when they are as they are to become, and when they are gone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use measure::{Clock, Nanos};
use serde_json::Value;
use tokio::sync::oneshot;
use wire::{Client, Reflector, Seen, WatchKind, WatchSpec};

use crate::{drivers::seeing::Seeing, scenario::Done};

/// Who waits for which object, by its name.
#[derive(Clone, Debug)]
pub(super) struct Awaited {
    done: Option<Arc<Done>>,
    expires: bool,
    objects: Arc<Mutex<HashMap<String, Object>>>,
}

/// What an operation waits for, of what it asked for. An end without a moment is the object's, before it was done.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) done: Option<oneshot::Receiver<Nanos>>,
    pub(super) gone: Option<oneshot::Receiver<Nanos>>,
}

/// One object that is waited for.
#[derive(Debug)]
struct Object {
    done: Option<oneshot::Sender<Nanos>>,
    gone: Option<oneshot::Sender<Nanos>>,
    seen: Seeing,
}

impl Awaited {
    /// Of objects that are done when they are like this, or that end by themselves; nothing where neither is waited for.
    pub(super) fn new(done: Option<Done>, expires: bool) -> Option<Self> {
        (done.is_some() || expires).then(|| Self {
            done: done.map(Arc::new),
            expires,
            objects: Arc::default(),
        })
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<String, Object>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be asked before the object is made.
    pub(super) fn expect(&self, name: &str) -> Expected {
        let mut expected = Expected::default();
        let mut object = Object { done: None, gone: None, seen: Seeing::Never };
        if self.done.is_some() {
            let (sender, receiver) = oneshot::channel();
            (object.done, expected.done) = (Some(sender), Some(receiver));
        }
        if self.expires {
            let (sender, receiver) = oneshot::channel();
            (object.gone, expected.gone) = (Some(sender), Some(receiver));
        }
        self.objects().insert(name.to_owned(), object);
        expected
    }

    /// It was not made after all.
    pub(super) fn forget(&self, name: &str) {
        self.objects().remove(name);
    }

    /// Watches until it is dropped.
    pub(super) async fn watch(self, objects: WatchSpec, client: Client, clock: Clock, seed: u64) {
        let mut reflector = Reflector::new(client, objects, seed);
        loop {
            let news = reflector.next().await;
            let at = clock.now();
            match news {
                Seen::Object { kind, object, .. } => {
                    if let Ok(object) = object.json::<Value>() {
                        self.see(kind, &object, at);
                    }
                }
                Seen::Restarted => self.expect_again(),
                Seen::Synced => self.sweep(at),
                Seen::Error(error) => tracing::warn!(%error, "the watch on what is awaited was interrupted"),
            }
        }
    }

    fn see(&self, kind: WatchKind, object: &Value, at: Nanos) {
        let Some(name) = object["metadata"]["name"].as_str() else { return };
        let mut objects = self.objects();
        let Some(waiting) = objects.get_mut(name) else { return };
        waiting.seen = Seeing::There;
        let is_done = |done: &Arc<Done>| object.pointer(&done.path) == Some(&done.equals);
        // Whoever waited may have been given up.
        if self.done.as_ref().is_some_and(is_done)
            && let Some(sender) = waiting.done.take()
        {
            let _ = sender.send(at);
        }
        if kind == WatchKind::Deleted {
            waiting.end(at);
        }
        if waiting.is_over() {
            objects.remove(name);
        }
    }

    fn expect_again(&self) {
        self.objects().values_mut().for_each(|object| object.seen.list_begins());
    }

    /// What was seen before the list and is not in it has gone meanwhile.
    fn sweep(&self, at: Nanos) {
        self.objects().retain(|_, object| {
            if object.seen.is_missed() {
                object.end(at);
            }
            !object.is_over()
        });
    }
}

impl Object {
    fn end(&mut self, at: Nanos) {
        // It will not be done any more.
        self.done = None;
        if let Some(sender) = self.gone.take() {
            let _ = sender.send(at);
        }
    }

    fn is_over(&self) -> bool {
        self.done.is_none() && self.gone.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    fn bound(expires: bool) -> Awaited {
        let done =
            Done { path: "/status/phase".to_owned(), equals: json!("Bound"), within: Duration::from_secs(1) };
        Awaited::new(Some(done), expires).unwrap()
    }

    fn claim(name: &str, phase: &str) -> Value {
        json!({ "metadata": { "name": name }, "status": { "phase": phase } })
    }

    #[test]
    fn an_object_is_waited_for_until_it_is_as_it_is_to_become() {
        let awaited = bound(false);
        let mut waits = awaited.expect("claim-1").done.unwrap();
        awaited.see(WatchKind::Added, &claim("claim-1", "Pending"), Nanos(1));
        awaited.see(WatchKind::Added, &claim("claim-2", "Bound"), Nanos(2));
        assert_eq!(waits.try_recv(), Err(TryRecvError::Empty));
        awaited.see(WatchKind::Modified, &claim("claim-1", "Bound"), Nanos(3));
        assert_eq!(waits.try_recv(), Ok(Nanos(3)));
        awaited.see(WatchKind::Modified, &claim("claim-1", "Bound"), Nanos(4));
        assert!(awaited.objects().is_empty(), "nobody waits any more");
    }

    #[test]
    fn an_object_that_ends_by_itself_is_waited_for_until_it_is_gone() {
        let awaited = bound(true);
        let Expected { done, gone } = awaited.expect("claim-1");
        let (mut done, mut gone) = (done.unwrap(), gone.unwrap());
        awaited.see(WatchKind::Added, &claim("claim-1", "Bound"), Nanos(1));
        assert_eq!((done.try_recv(), gone.try_recv()), (Ok(Nanos(1)), Err(TryRecvError::Empty)));
        awaited.see(WatchKind::Deleted, &claim("claim-1", "Bound"), Nanos(5));
        assert_eq!(gone.try_recv(), Ok(Nanos(5)));
    }

    #[test]
    fn an_object_that_went_while_nobody_watched_is_gone_and_was_never_done() {
        let awaited = bound(true);
        let (mut first, mut second) = (awaited.expect("claim-1"), awaited.expect("claim-2"));
        awaited.see(WatchKind::Added, &claim("claim-1", "Pending"), Nanos(1));
        awaited.expect_again();
        awaited.sweep(Nanos(7));
        assert_eq!(first.done.as_mut().unwrap().try_recv(), Err(TryRecvError::Closed));
        assert_eq!(first.gone.as_mut().unwrap().try_recv(), Ok(Nanos(7)));
        // The list may be older than what has never been seen.
        assert_eq!(second.done.as_mut().unwrap().try_recv(), Err(TryRecvError::Empty));
    }
}

//! A watcher that reads slowly: events wait in the server until it gives up on the watch.
//!
//! It reads one event and then nothing for as long as its bytes take, so that the stream's window fills and with it the server's
//! buffers (apiserver, storage/cacher `cacheWatcher`: a watcher whose channel is full for too long is terminated).

use std::{sync::Arc, time::Duration};

use wire::{Client, Reflector, Seen, WatchSpec};

use super::{Shared, Watcher};

/// Watches until it is dropped, and reads so many bytes of events in a second.
pub(super) async fn watch(client: Client, spec: WatchSpec, bytes: u32, seed: u64, shared: Arc<Shared>) {
    let mut reflector = Reflector::new(client, spec, seed);
    let mut watcher = Watcher::new(shared);
    let mut pace = Pace { bytes, is_in_sync: false };
    loop {
        let news = reflector.next().await;
        let wait = pace.after(&news);
        // What it is told so late is no lag of the server's.
        if !matches!(news, Seen::Object { .. }) {
            watcher.see(news);
        }
        watcher.count(&reflector);
        tokio::time::sleep(wait).await;
    }
}

/// How fast it reads.
struct Pace {
    /// A second.
    bytes: u32,
    is_in_sync: bool,
}

impl Pace {
    /// How long it reads nothing after this. What is there already it reads at full speed, or it would never begin to watch.
    fn after(&mut self, news: &Seen) -> Duration {
        match news {
            Seen::Object { object, .. } if self.is_in_sync => reading(object.raw().len(), self.bytes),
            Seen::Object { .. } | Seen::Error(_) => Duration::ZERO,
            Seen::Restarted | Seen::Synced => {
                self.is_in_sync = matches!(news, Seen::Synced);
                Duration::ZERO
            }
        }
    }
}

/// How long it takes to read so much.
fn reading(length: usize, bytes_per_second: u32) -> Duration {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    Duration::from_secs_f64(f64::from(length) / f64::from(bytes_per_second.max(1)))
}

#[cfg(test)]
mod tests {
    use wire::{Object, WatchKind};

    use super::*;

    #[test]
    fn a_kilobyte_at_a_hundred_bytes_a_second_takes_ten_seconds() {
        assert_eq!(reading(1000, 100), Duration::from_secs(10));
        assert_eq!(reading(10, 0), Duration::from_secs(10));
    }

    #[test]
    fn a_slow_watcher_that_read_its_list_slowly_too_would_never_watch() {
        let mut pace = Pace { bytes: 10, is_in_sync: false };
        let object = || Seen::Object {
            kind: WatchKind::Added,
            object: Object::from_json(b"{\"a\": 1}".as_slice().into()),
            resource_version: "7".to_owned(),
        };
        assert_eq!(pace.after(&Seen::Restarted), Duration::ZERO);
        assert_eq!(pace.after(&object()), Duration::ZERO);
        assert_eq!(pace.after(&Seen::Synced), Duration::ZERO);
        assert_eq!(pace.after(&object()), Duration::from_millis(800));
    }
}

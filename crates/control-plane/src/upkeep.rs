//! What is done to etcd while it serves: compaction, defragmentation, backups, alarms.
//!
//! Sends: `KV/Compact`, `Maintenance/Defragment`, `Maintenance/Snapshot` and `Maintenance/Alarm`, as `etcdctl compaction --physical`,
//! `etcdctl defrag`, `etcdctl snapshot save` and `etcdctl alarm disarm` do.

use std::path::Path;

use crate::{ControlPlane, Error, etcd::Etcd};

impl ControlPlane {
    /// Lets etcd forget every revision before the last write, and waits until they are gone from its database. Watches and lists that
    /// ask for older ones are told 410, as after the apiserver's own compaction (`--etcd-compaction-interval`), which keeps more.
    ///
    /// # Errors
    ///
    /// [`Error::Upkeep`] when etcd does not answer.
    pub async fn compact(&self) -> Result<(), Error> {
        let failed = |reason| Error::Upkeep { doing: "compact etcd", reason };
        let etcd = Etcd::connect_patiently(self.layout())?;
        let revision = etcd.revision().await.map_err(failed)?;
        etcd.compact(revision).await.map_err(failed)
    }

    /// Lets etcd rewrite its database without what is free in it. It answers nobody until it is done.
    ///
    /// # Errors
    ///
    /// As [`compact`](Self::compact).
    pub async fn defragment(&self) -> Result<(), Error> {
        let etcd = Etcd::connect_patiently(self.layout())?;
        etcd.defragment().await.map_err(|reason| Error::Upkeep { doing: "defragment etcd", reason })
    }

    /// Takes back etcd's alarms, as that its database has reached its quota, and says how many there were. Where the database is still
    /// that large the alarm is back with the next write.
    ///
    /// # Errors
    ///
    /// As [`compact`](Self::compact).
    pub async fn disarm(&self) -> Result<usize, Error> {
        let etcd = Etcd::connect(self.layout())?;
        etcd.disarm().await.map_err(|reason| Error::Upkeep { doing: "take back etcd's alarms", reason })
    }

    /// Writes etcd's snapshot of itself into the new file `to` and says how many bytes that is. Unlike
    /// [`snapshot`](Self::snapshot) it is nothing to start from: it has neither keys nor a manifest.
    ///
    /// # Errors
    ///
    /// As [`compact`](Self::compact), and when the file cannot be written.
    pub async fn back_up(&self, to: &Path) -> Result<u64, Error> {
        let etcd = Etcd::connect(self.layout())?;
        let saved = etcd.save(to).await;
        saved.map(|saved| saved.bytes).map_err(|reason| Error::Upkeep { doing: "back up etcd", reason })
    }
}

//! What is done to etcd while it serves: compaction, defragmentation, backups, alarms. Where a control plane has several etcds, it is
//! done to each, and what is of a member's own database to each member, one after the other.
//!
//! Sends: `KV/Compact`, `Maintenance/Defragment`, `Maintenance/Snapshot` and `Maintenance/Alarm`, as `etcdctl compaction --physical`,
//! `etcdctl defrag --cluster`, `etcdctl snapshot save` and `etcdctl alarm disarm` do.

use std::path::Path;

use profile::Component;

use crate::{ControlPlane, Error, Instance, Store, etcd::Etcd};

impl ControlPlane {
    /// Lets etcd forget every revision before the last write, and waits until they are gone from its database. Watches and lists that
    /// ask for older ones are told 410, as after the apiserver's own compaction (`--etcd-compaction-interval`), which keeps more.
    ///
    /// # Errors
    ///
    /// [`Error::Upkeep`] when etcd does not answer.
    pub async fn compact(&self) -> Result<(), Error> {
        let failed = |reason| Error::Upkeep { doing: "compact etcd", reason };
        for member in self.one_of_each() {
            let etcd = Etcd::connect_patiently(self.layout(), member)?;
            let revision = etcd.revision().await.map_err(failed)?;
            etcd.compact(revision).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Lets etcd rewrite its database without what is free in it. A member answers nobody until it is done.
    ///
    /// # Errors
    ///
    /// As [`compact`](Self::compact).
    pub async fn defragment(&self) -> Result<(), Error> {
        for member in Instance::of(self.profile().topology, Component::Etcd) {
            let etcd = Etcd::connect_patiently(self.layout(), member)?;
            let defragmented = etcd.defragment().await;
            defragmented.map_err(|reason| Error::Upkeep { doing: "defragment etcd", reason })?;
        }
        Ok(())
    }

    /// Takes back etcd's alarms, as that its database has reached its quota, and says how many there were. Where the database is still
    /// that large the alarm is back with the next write.
    ///
    /// # Errors
    ///
    /// As [`compact`](Self::compact).
    pub async fn disarm(&self) -> Result<usize, Error> {
        let failed = |reason| Error::Upkeep { doing: "take back etcd's alarms", reason };
        let mut disarmed = 0;
        for member in self.one_of_each() {
            disarmed += Etcd::connect(self.layout(), member)?.disarm().await.map_err(failed)?;
        }
        Ok(disarmed)
    }

    /// Writes etcd's snapshot of itself into the new file `to`, those of events' and leases' own etcds beside it, and says how many
    /// bytes that is. Unlike [`snapshot`](Self::snapshot) it is nothing to start from: it has neither keys nor a manifest.
    ///
    /// # Errors
    ///
    /// As [`compact`](Self::compact), and when a file cannot be written.
    pub async fn back_up(&self, to: &Path) -> Result<u64, Error> {
        let mut bytes = 0;
        for member in self.one_of_each() {
            let to = match member.store {
                Store::Main => to.to_owned(),
                store => to.with_file_name(store.database()),
            };
            let saved = Etcd::connect(self.layout(), member)?.save(&to).await;
            bytes += saved.map_err(|reason| Error::Upkeep { doing: "back up etcd", reason })?.bytes;
        }
        Ok(bytes)
    }

    /// A member of each etcd that is there to be asked.
    pub(crate) fn one_of_each(&self) -> Vec<Instance> {
        Store::all(self.profile().topology).map(|store| self.member_of(store)).collect()
    }

    /// One that runs or, should none, the first: it says then why it does not answer.
    fn member_of(&self, store: Store) -> Instance {
        let topology = self.profile().topology;
        let running = Instance::members(topology, store).find(|member| self.runs(*member));
        running.unwrap_or(Instance { store, ..Component::Etcd.into() })
    }
}

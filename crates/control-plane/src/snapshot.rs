//! Inventory snapshots: what a control plane holds at one moment, to start others from.
//!
//! A folder: `etcd.db`, which is etcd's own snapshot, beside it `etcd-events.db` and `etcd-leases.db` where those have an etcd of
//! their own; `pki/`, the authorities and the ServiceAccount keys, so that nodes' certificates and tokens stay good; and
//! `manifest.json`. Whoever keeps snapshots adds what they belong to: the scenario, its seed. A snapshot taken under one profile starts
//! under any other with the same etcds, whatever the number of members: `etcdutl` gives each of them all of the data. What was split
//! off cannot be put back, nor the other way round: keys would have to move between databases. And what a profile has put into the
//! cluster is in its snapshot too. [`inventory_key`] says for which profiles both do no harm.
//!
//! etcd hands the snapshot out over its API, so any etcd will do; to look into it and to restore it takes etcdutl, and
//! where there is none nothing is made that nobody could restore ([`Error::NoSnapshotTool`]).

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use profile::{Component, Profile, Topology};
use serde::Deserialize;
use serde_json::json;

use crate::{
    ControlPlane, Error, Instance, Progress, Store, Versions, binaries, etcd::Etcd, flags, pki, ready::Checks,
};

use self::manifest::Inventory;
pub use self::manifest::{Database, Manifest};

mod manifest;

const MANIFEST: &str = "manifest.json";
const PKI: &str = "pki";

/// What etcd's documentation suggests for Kubernetes (`op-guide/recovery.md`, "Restoring with revision bump"): more than
/// any cluster writes between a snapshot and the day it is restored, so that no revision comes twice.
const BUMP: &str = "--bump-revision=1000000000";

/// The flags of etcd that etcdutl has to be told as well, because a member's name and peers are in its data.
const OF_THE_MEMBER: [&str; 5] =
    ["--name", "--data-dir", "--wal-dir", "--initial-cluster", "--initial-advertise-peer-urls"];

/// A snapshot on disk, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    path: PathBuf,
    manifest: Manifest,
}

/// What two profiles must have in common for one to start from what the other has filled: the versions, in whose formats the data is;
/// which etcds there are; and the objects that a profile brings along, which are in the data.
pub fn inventory_key(profile: &Profile) -> String {
    let stores: Vec<String> = Store::all(profile.topology).map(Store::database).collect();
    let Profile { versions, apf, manifests, .. } = profile;
    let manifests: Vec<&str> = manifests.iter().map(|manifest| manifest.text.as_str()).collect();
    json!([versions, stores, apf, manifests]).to_string()
}

/// What `etcdutl snapshot status` says, as far as it is asked.
#[derive(Deserialize)]
struct Status {
    revision: i64,
}

impl Snapshot {
    /// Reads the manifest of a snapshot that was taken before.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] when there is none, or one of another format.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let manifest = Manifest::read(&path.join(MANIFEST));
        let manifest = manifest.map_err(|reason| Error::Snapshot { path: path.to_owned(), reason })?;
        Ok(Self { path: path.to_owned(), manifest })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether a control plane of these versions and this topology can go on from it.
    pub(crate) fn fits(&self, versions: &Versions, topology: Topology) -> Result<(), Error> {
        let fits = self.manifest.fits(&versions.kubernetes, &versions.etcd, topology);
        fits.map_err(|reason| Error::Snapshot { path: self.path.clone(), reason })
    }

    /// Its authorities and keys.
    pub(crate) fn pki(&self) -> Result<identity::ClusterPki, Error> {
        pki::kept(&self.path.join(PKI))
    }
}

impl ControlPlane {
    /// Takes a snapshot of what the running control plane holds into the new folder `to`. Writes may go on meanwhile: of each etcd
    /// the snapshot is of one revision. The folder holds the cluster's keys; only this user can read it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSnapshotTool`] where there is no etcdutl, and then the inventory has to be made anew each time;
    /// [`Error::TakeSnapshot`] when etcd does not answer, or `to` is there already.
    pub async fn snapshot(&self, to: &Path) -> Result<Snapshot, Error> {
        let failed = |reason: String| Error::TakeSnapshot { path: to.to_owned(), reason };
        self.etcdutl()?;
        if to.exists() {
            return Err(failed("it exists; name another folder, or remove this one".to_owned()));
        }
        let partial = Partial::create(to)?;
        pki::keep(self.layout(), &partial.0.join(PKI))?;
        let (mut databases, mut inventory) = (BTreeMap::new(), Inventory::default());
        for member in self.one_of_each() {
            let name = member.store.database();
            let saved = self.save(member, &partial.0.join(&name), &mut inventory).await.map_err(failed)?;
            databases.insert(name, saved);
        }
        let manifest = Manifest::new(&self.versions(), databases, inventory);
        let path = partial.0.join(MANIFEST);
        pki::private(&path, &manifest.render())?;
        partial.commit(to)?;
        Ok(Snapshot { path: to.to_owned(), manifest })
    }

    /// Saves what one etcd holds, and adds its keys to the inventory.
    async fn save(
        &self,
        member: Instance,
        database: &Path,
        inventory: &mut Inventory,
    ) -> Result<Database, String> {
        let etcd = Etcd::connect(self.layout(), member).map_err(|error| error.to_string())?;
        let saved = etcd.save(database).await?;
        let etcdutl = self.etcdutl().map_err(|error| error.to_string())?;
        let mut command = self.spawner().command(&etcdutl);
        command.args(["snapshot", "status", "--write-out=json"]).arg(database);
        let status = self.run(command).await?;
        let status: Status = serde_json::from_str(&status)
            .map_err(|error| format!("etcdutl says `{}`, which is no status: {error}", status.trim()))?;
        etcd.keys(status.revision, |key| inventory.add(key)).await?;
        Ok(Database { revision: status.revision, bytes: saved.bytes, sha256: saved.sha256 })
    }

    /// Fills the data directory of every member, which must be empty, before any of them starts. `etcdutl` makes the members of a
    /// snapshot those of the new cluster, so each is told of all.
    pub(crate) async fn restore(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let what = format!("restoring {}", snapshot.path.display());
        self.report(Progress::Working { what, elapsed: std::time::Duration::ZERO });
        for member in Instance::of(self.profile().topology, Component::Etcd) {
            let arguments = flags::arguments(member, self.layout(), self.profile(), &self.versions().etcd);
            let of_the_member = arguments.into_iter().filter(|argument| {
                argument.split_once('=').is_some_and(|(name, _)| OF_THE_MEMBER.contains(&name))
            });
            let mut command = self.spawner().command(self.etcdutl()?);
            command.args(["snapshot", "restore", BUMP, "--mark-compacted"]).args(of_the_member);
            command.arg(snapshot.path.join(member.store.database()));
            let restored = self.run(command).await;
            restored.map_err(|reason| Error::Snapshot { path: snapshot.path.clone(), reason })?;
        }
        Ok(())
    }

    /// Removes the leases of the scheduler and the controller manager that were there when the snapshot was taken: new ones
    /// would wait for those to run out, 15 s without anybody at work.
    pub(crate) async fn forget_leaders(&self, checks: &Checks) -> Result<(), Error> {
        for component in [Component::ControllerManager, Component::Scheduler] {
            let leases = "apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
            let url = format!("{}/{leases}/{}", self.server(), component.binary());
            checks.delete(&url).await.map_err(|reason| Error::ForgetLeaders { reason })?;
        }
        Ok(())
    }

    fn etcdutl(&self) -> Result<PathBuf, Error> {
        let binaries = self.binaries();
        binaries.etcdutl().ok_or_else(|| Error::NoSnapshotTool { folder: binaries.etcd.folder.clone() })
    }

    async fn run(&self, command: std::process::Command) -> Result<String, String> {
        let log = self.layout().logs.join("etcdutl.log");
        let said = binaries::output(self.spawner(), command, Some(&log), |_| ()).await;
        said.map_err(|reason| format!("etcdutl fails: {reason}"))
    }
}

/// A folder beside the one that is to be, removed unless it was moved there.
struct Partial(PathBuf);

impl Partial {
    fn create(to: &Path) -> Result<Self, Error> {
        let parent = to.parent().unwrap_or(to);
        fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let path = to.with_file_name(format!(".{name}.partial"));
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::file("remove", &path)(error));
            }
            _ => {}
        }
        pki::folder(&path)?;
        Ok(Self(path))
    }

    fn commit(&self, to: &Path) -> Result<(), Error> {
        fs::rename(&self.0, to).map_err(Error::file("create", to))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a commit it is no longer there.
        let _ = fs::remove_dir_all(&self.0);
    }
}

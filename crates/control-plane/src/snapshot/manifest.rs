//! What a snapshot says about itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use profile::Topology;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Store, Versions, hash::hex};

/// Raised when what is written can no longer be read as before.
const FORMAT: u32 = 2;

/// `manifest.json` of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format.
    pub format: u32,
    /// The version of Kubernetes whose objects these are, such as `1.36.3`.
    pub kubernetes: String,
    /// The minor version of etcd whose data this is, such as `3.6`.
    pub etcd: String,
    /// What each etcd held, by the file that it is in: `etcd.db`, and `etcd-events.db` and `etcd-leases.db` where those have an etcd
    /// of their own.
    pub databases: BTreeMap<String, Database>,
    /// How many keys there are of each resource, by the beginning of their path under `/registry/`: `pods`,
    /// `services/specs`, `apiregistration.k8s.io/apiservices`. What is not under it counts as itself.
    pub keys: BTreeMap<String, u64>,
    /// SHA-256 over all keys, etcd by etcd in their order, and over the counts. Two snapshots with one value hold objects of the same
    /// names.
    pub keys_sha256: String,
}

/// What one etcd held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Its revision at the moment of the snapshot.
    pub revision: i64,
    /// Size of the file, bytes.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// Keys as they are counted.
#[derive(Default)]
pub(super) struct Inventory {
    keys: BTreeMap<String, u64>,
    hash: Sha256,
}

impl Inventory {
    /// The next key in etcd's order.
    pub(super) fn add(&mut self, key: &[u8]) {
        self.hash.update(key);
        self.hash.update(b"\n");
        *self.keys.entry(resource(&String::from_utf8_lossy(key))).or_default() += 1;
    }

    fn finish(self) -> (BTreeMap<String, u64>, String) {
        let Self { keys, mut hash } = self;
        for (resource, count) in &keys {
            hash.update(format!("{resource} {count}\n"));
        }
        (keys, hex(&hash.finalize()))
    }
}

/// The part of a key that says what it is: of a group's resource the group too, and of services whether it is one or its
/// endpoints (`pkg/registry` of Kubernetes chooses the paths).
fn resource(key: &str) -> String {
    let Some(path) = key.strip_prefix("/registry/") else { return key.to_owned() };
    let mut parts = path.split('/');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    match second {
        Some(second) if first.contains('.') || first == "services" => format!("{first}/{second}"),
        _ => first.to_owned(),
    }
}

impl Manifest {
    pub(super) fn new(
        versions: &Versions,
        databases: BTreeMap<String, Database>,
        inventory: Inventory,
    ) -> Self {
        let (keys, keys_sha256) = inventory.finish();
        Self {
            format: FORMAT,
            kubernetes: versions.kubernetes.clone(),
            etcd: minor(&versions.etcd),
            databases,
            keys,
            keys_sha256,
        }
    }

    pub(super) fn render(&self) -> String {
        // Strings, numbers and a map with keys of text: there is nothing that JSON could not say.
        format!("{:#}\n", serde_json::to_value(self).unwrap_or_default())
    }

    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("it has no manifest ({error})"))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| format!("its manifest cannot be read ({error})");
        let Format { format } = serde_json::from_str(text).map_err(unreadable)?;
        if format != FORMAT {
            return Err(format!("its format is {format}, and this program knows {FORMAT}"));
        }
        serde_json::from_str(text).map_err(unreadable)
    }

    /// etcd's file format may change with each minor version; Kubernetes reads what older ones have stored, but not what
    /// newer ones have. An etcd of one's own is empty unless the snapshot has something for it, and what it has for one that is not
    /// there would be missing.
    pub(super) fn fits(&self, kubernetes: &str, etcd: &str, topology: Topology) -> Result<(), String> {
        if minor(etcd) != self.etcd {
            return Err(format!("it is of etcd {}, and this is etcd v{etcd}", self.etcd));
        }
        if numbers(&self.kubernetes) > numbers(kubernetes) {
            return Err(format!("it is of Kubernetes v{}, and this is v{kubernetes}", self.kubernetes));
        }
        let wanted: BTreeSet<String> = Store::all(topology).map(Store::database).collect();
        let there: BTreeSet<String> = self.databases.keys().cloned().collect();
        if wanted != there {
            let list = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
            return Err(format!(
                "it has {}, and the etcds of [topology] are to start from {}",
                list(there),
                list(wanted)
            ));
        }
        Ok(())
    }
}

fn minor(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// Major and minor version.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').take(2).filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use profile::{Profile, Topology};

    use super::{Database, Inventory, Manifest, resource};
    use crate::{Store, Versions, snapshot::inventory_key};

    fn manifest(keys: &[&str]) -> Manifest {
        let mut inventory = Inventory::default();
        for key in keys {
            inventory.add(key.as_bytes());
        }
        let versions = Versions { kubernetes: "1.36.3".to_owned(), etcd: "3.6.8".to_owned() };
        let database = Database { revision: 7, bytes: 3, sha256: "abc".to_owned() };
        Manifest::new(&versions, [(Store::Main.database(), database)].into(), inventory)
    }

    #[test]
    fn a_key_belongs_to_a_resource() {
        for (key, expected) in [
            ("/registry/pods/default/a", "pods"),
            ("/registry/namespaces/default", "namespaces"),
            ("/registry/services/specs/default/kubernetes", "services/specs"),
            ("/registry/services/endpoints/default/kubernetes", "services/endpoints"),
            ("/registry/apiregistration.k8s.io/apiservices/v1.", "apiregistration.k8s.io/apiservices"),
            ("/registry/ranges/serviceips", "ranges"),
            ("compact_rev_key", "compact_rev_key"),
        ] {
            assert_eq!(resource(key), expected);
        }
    }

    #[test]
    fn keys_are_counted_and_their_names_and_number_are_in_the_hash() {
        let one = manifest(&["/registry/pods/a/b", "/registry/pods/a/c", "/registry/secrets/a/b"]);
        assert_eq!(one.keys, [("pods".to_owned(), 2), ("secrets".to_owned(), 1)].into());
        let same = manifest(&["/registry/pods/a/b", "/registry/pods/a/c", "/registry/secrets/a/b"]);
        assert_eq!(one.keys_sha256, same.keys_sha256);
        let fewer = manifest(&["/registry/pods/a/b", "/registry/pods/a/c"]);
        let renamed = manifest(&["/registry/pods/a/b", "/registry/pods/a/d", "/registry/secrets/a/b"]);
        assert_ne!(one.keys_sha256, fewer.keys_sha256);
        assert_ne!(one.keys_sha256, renamed.keys_sha256);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = manifest(&["/registry/pods/a/b"]);
        assert_eq!(Manifest::parse(&written.render()).unwrap(), written);
        let newer = written.render().replace("\"format\": 2", "\"format\": 3");
        assert_eq!(Manifest::parse(&newer).unwrap_err(), "its format is 3, and this program knows 2");
        assert!(Manifest::parse("{").unwrap_err().starts_with("its manifest cannot be read"));
    }

    #[test]
    fn it_fits_its_etcd_and_no_older_kubernetes() {
        let manifest = manifest(&[]);
        let fits = |kubernetes: &str, etcd: &str| manifest.fits(kubernetes, etcd, Topology::default());
        fits("1.36.0", "3.6.16").unwrap();
        fits("1.37.0-alpha.1", "3.6.8").unwrap();
        assert_eq!(fits("1.36.3", "3.5.35").unwrap_err(), "it is of etcd 3.6, and this is etcd v3.5.35");
        let older = fits("1.35.4", "3.6.8").unwrap_err();
        assert_eq!(older, "it is of Kubernetes v1.36.3, and this is v1.35.4");
    }

    fn profile(setting: &str) -> Profile {
        let mut profile = profile::load("defaults").unwrap();
        profile.set(setting).unwrap();
        profile
    }

    #[test]
    fn it_fits_the_same_etcds_with_any_number_of_members() {
        let manifest = manifest(&[]);
        let fits = |setting: &str| manifest.fits("1.36.3", "3.6.8", profile(setting).topology);
        fits("topology.etcd-members=3").unwrap();
        assert_eq!(
            fits("topology.events-etcd=true").unwrap_err(),
            "it has etcd.db, and the etcds of [topology] are to start from etcd-events.db, etcd.db"
        );
    }

    #[test]
    fn profiles_share_an_inventory_unless_something_of_theirs_is_in_it() {
        let key = |setting: &str| inventory_key(&profile(setting));
        let usual = key("apiserver.flags.max-requests-inflight=800");
        for same in ["topology.apiservers=2", "topology.etcd-members=3", "storage.medium=tmpfs", "cpu.etcd=0"]
        {
            assert_eq!(key(same), usual, "{same}");
        }
        for other in [
            "topology.leases-etcd=true",
            "versions.etcd=3.5.35",
            "apf.priority-levels.workload-low.limited.nominalConcurrencyShares=20",
        ] {
            assert_ne!(key(other), usual, "{other}");
        }
    }
}

//! etcd's version: its image, and what kubeadm's flags for it must become where it is an older one.

use serde_json::{Value, json};

use super::yaml;
use crate::{Component, Profile};

/// The feature gate of etcd that kubeadm switches on.
pub(super) const KUBEADM_GATE: &str = "InitialCorruptCheck";

/// A file of kubeadm's patches folder, by its name for a JSON patch of etcd's static pod.
pub(super) const PATCH: &str = "etcd+json.yaml";

/// Which etcd a kubeadm takes of itself: the start of its version, and etcd's (cmd/kubeadm/app/constants/constants.go,
/// `SupportedEtcdVersion`). An image that is named is no longer changed by `kubeadm upgrade`, so it is only named otherwise.
const OF_KUBEADM: &[(&str, &str)] = &[("1.36.", "3.6.8")];

/// The flags that kubeadm v1.36 gives etcd (cmd/kubeadm/app/phases/etcd/local.go, `getEtcdCommand`), sorted as it sorts them.
const DEFAULTS: [&str; 19] = [
    "advertise-client-urls",
    "cert-file",
    "client-cert-auth",
    "data-dir",
    "feature-gates",
    "initial-advertise-peer-urls",
    "initial-cluster",
    "key-file",
    "listen-client-urls",
    "listen-metrics-urls",
    "listen-peer-urls",
    "name",
    "peer-cert-file",
    "peer-client-cert-auth",
    "peer-key-file",
    "peer-trusted-ca-file",
    "snapshot-count",
    "trusted-ca-file",
    "watch-progress-notify-interval",
];

/// kubeadm's two flags that etcd 3.5 has only under another name, with their values; the last of the command line first, so that
/// what is removed moves nothing that comes after.
const RENAMED: [(&str, &str, &str); 2] = [
    ("watch-progress-notify-interval", "5s", "--experimental-watch-progress-notify-interval=5s"),
    ("feature-gates", "InitialCorruptCheck=true", "--experimental-initial-corrupt-check=true"),
];

/// The tag of the image, unless it is the one that this kubeadm takes anyway.
pub(super) fn image_tag(profile: &Profile) -> Option<String> {
    let (kubernetes, etcd) = (&profile.versions.kubernetes, &profile.versions.etcd);
    let is_own = OF_KUBEADM.iter().any(|(start, own)| kubernetes.starts_with(start) && etcd == own);
    (!is_own).then(|| format!("{etcd}-0"))
}

/// A JSON patch of etcd's static pod, where etcd does not know kubeadm's flags. It first tests that each is where it is expected
/// to be, so that another kubeadm refuses it.
pub(super) fn patch(profile: &Profile) -> Option<String> {
    if !profile.versions.etcd.starts_with("3.5.") {
        return None;
    }
    let tuned = profile.flags(Component::Etcd);
    let kept: Vec<&str> = DEFAULTS.into_iter().filter(|name| tuned.get(name).is_none()).collect();
    let mut operations: Vec<Value> = Vec::new();
    for (name, value, renamed) in RENAMED {
        let Some(index) = kept.iter().position(|kept| *kept == name) else { continue };
        // The first word is the program.
        let path = format!("/spec/containers/0/command/{}", index + 1);
        operations.push(json!({ "op": "test", "path": path, "value": format!("--{name}={value}") }));
        let says_itself = renamed.trim_start_matches("--").split('=').next().and_then(|flag| tuned.get(flag));
        operations.push(match says_itself {
            None => json!({ "op": "replace", "path": path, "value": renamed }),
            Some(_) => json!({ "op": "remove", "path": path }),
        });
    }
    Some(yaml::document(&operations))
}

#[cfg(test)]
mod tests {
    use super::{DEFAULTS, image_tag, patch};
    use crate::{Profile, load};

    fn profile(settings: &[&str]) -> Profile {
        let mut profile = load("defaults").unwrap();
        for setting in settings {
            profile.set(setting).unwrap();
        }
        profile
    }

    #[test]
    fn the_image_is_named_where_kubeadm_would_take_another() {
        assert_eq!(image_tag(&profile(&[])), None);
        assert_eq!(image_tag(&profile(&["versions.etcd=3.5.35"])).as_deref(), Some("3.5.35-0"));
        assert_eq!(image_tag(&profile(&["versions.kubernetes=1.35.4"])).as_deref(), Some("3.6.8-0"));
    }

    #[test]
    fn etcd_3_5_gets_its_own_names_where_kubeadm_has_put_the_others() {
        assert!(DEFAULTS.is_sorted());
        assert_eq!(patch(&profile(&[])), None);
        let check = |settings: &[&str], expected: &[(&str, usize, &str)]| {
            let old = [&["versions.etcd=3.5.35"], settings].concat();
            let text = patch(&profile(&old)).unwrap();
            let operations: Vec<serde_json::Value> = serde_saphyr::from_str(&text).unwrap();
            let said: Vec<(String, String, String)> = operations
                .iter()
                .map(|it| {
                    let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
                    (text("op"), text("path"), text("value"))
                })
                .collect();
            let expected: Vec<(String, String, String)> = expected
                .iter()
                .map(|(op, at, value)| {
                    ((*op).to_owned(), format!("/spec/containers/0/command/{at}"), (*value).to_owned())
                })
                .collect();
            assert_eq!(said, expected);
        };
        let first = ("test", 19, "--watch-progress-notify-interval=5s");
        check(
            &[],
            &[
                first,
                ("replace", 19, "--experimental-watch-progress-notify-interval=5s"),
                ("test", 5, "--feature-gates=InitialCorruptCheck=true"),
                ("replace", 5, "--experimental-initial-corrupt-check=true"),
            ],
        );
        // An argument of the profile's stands behind all of kubeadm's, which lack it.
        check(
            &["etcd.flags.snapshot-count=5000", "etcd.flags.experimental-initial-corrupt-check=false"],
            &[
                ("test", 18, "--watch-progress-notify-interval=5s"),
                ("replace", 18, "--experimental-watch-progress-notify-interval=5s"),
                ("test", 5, "--feature-gates=InitialCorruptCheck=true"),
                ("remove", 5, ""),
            ],
        );
    }
}

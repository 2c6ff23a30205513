//! `[kubelet]`: how the kubelets of the fleet are set.
//!
//! The names are those of `KubeletConfiguration` (kubelet.config.k8s.io/v1beta1), written as everything else in a profile is:
//! `nodeStatusReportFrequency` is `node-status-report-frequency`, `kubeAPIQPS` is `kube-api-qps`. Only what a virtual node
//! acts on can be set. Defaults are the kubelet's (`pkg/kubelet/apis/config/v1beta1/defaults.go`).

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The settings of all kubelets of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kubelet {
    /// How often a kubelet looks at its node's status: 10 s. Written, it is also the report frequency unless that is written
    /// too, as in a kubelet.
    #[serde(serialize_with = "as_text")]
    pub node_status_update_frequency: Duration,
    /// How long a status without news waits until it is reported again: 5 min. Leases say in the meantime that the node lives.
    #[serde(serialize_with = "as_text")]
    pub node_status_report_frequency: Duration,
    /// How long a node's lease holds, in seconds: 40. It is renewed four times in that time.
    pub node_lease_duration_seconds: NonZeroU32,
    /// Requests per second that a kubelet allows itself; leases, node status and watches are not counted: 50.
    pub kube_api_qps: NonZeroU32,
    /// Requests at once: 100.
    pub kube_api_burst: NonZeroU32,
    /// Events per second: 50.
    pub event_record_qps: NonZeroU32,
    /// Events at once: 100.
    pub event_burst: NonZeroU32,
    /// Most pods on a node: 110.
    pub max_pods: NonZeroU32,
    /// Nobody has written a report frequency.
    #[serde(skip)]
    reports_as_it_updates: bool,
}

impl Default for Kubelet {
    fn default() -> Self {
        const fn number(number: u32) -> NonZeroU32 {
            NonZeroU32::new(number).expect("it is not 0")
        }
        Self {
            node_status_update_frequency: Duration::from_secs(10),
            node_status_report_frequency: Duration::from_mins(5),
            node_lease_duration_seconds: const { number(40) },
            kube_api_qps: const { number(50) },
            kube_api_burst: const { number(100) },
            event_record_qps: const { number(50) },
            event_burst: const { number(100) },
            max_pods: const { number(110) },
            reports_as_it_updates: true,
        }
    }
}

/// `[kubelet]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct KubeletTable {
    node_status_update_frequency: Option<Period>,
    node_status_report_frequency: Option<Period>,
    node_lease_duration_seconds: Option<NonZeroU32>,
    kube_api_qps: Option<NonZeroU32>,
    kube_api_burst: Option<NonZeroU32>,
    event_record_qps: Option<NonZeroU32>,
    event_burst: Option<NonZeroU32>,
    max_pods: Option<NonZeroU32>,
}

impl Kubelet {
    pub(crate) fn apply(&mut self, said: &KubeletTable) {
        if let Some(Period(period)) = said.node_status_update_frequency {
            self.node_status_update_frequency = period;
            // "For backward compatibility" (`SetDefaults_KubeletConfiguration`), and the commonest way to make a fleet report
            // thirty times as often as was meant.
            if self.reports_as_it_updates {
                self.node_status_report_frequency = period;
            }
        }
        if let Some(Period(period)) = said.node_status_report_frequency {
            self.node_status_report_frequency = period;
            self.reports_as_it_updates = false;
        }
        for (said, setting) in [
            (said.node_lease_duration_seconds, &mut self.node_lease_duration_seconds),
            (said.kube_api_qps, &mut self.kube_api_qps),
            (said.kube_api_burst, &mut self.kube_api_burst),
            (said.event_record_qps, &mut self.event_record_qps),
            (said.event_burst, &mut self.event_burst),
            (said.max_pods, &mut self.max_pods),
        ] {
            *setting = said.unwrap_or(*setting);
        }
    }
}

/// A length of time above 0, as Go and jiff write it: `10s`, `5m`, `1m30s`.
#[derive(Clone, Copy, Debug)]
struct Period(Duration);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let period =
            text.parse::<jiff::SignedDuration>().ok().and_then(|period| Duration::try_from(period).ok());
        match period {
            Some(period) if !period.is_zero() => Ok(Self(period)),
            _ => {
                Err(de::Error::custom(format!("`{text}` is not a time above 0: write it like `10s` or `5m`")))
            }
        }
    }
}

fn as_text<S: Serializer>(period: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let period = jiff::SignedDuration::try_from(*period).map_err(serde::ser::Error::custom)?;
    serializer.collect_str(&format_args!("{period:#}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{Kubelet, from_text};

    const ROOT: &str = "about = \"x\"\nversions = { kubernetes = \"1.36.3\", etcd = \"3.6.8\" }\n[kubelet]\n";

    fn kubelet(settings: &str) -> Kubelet {
        from_text("p.toml", &format!("{ROOT}{settings}")).unwrap().kubelet
    }

    #[test]
    fn an_update_frequency_alone_is_the_report_frequency_too() {
        let frequencies = |settings: &str| {
            let kubelet = kubelet(settings);
            (kubelet.node_status_update_frequency, kubelet.node_status_report_frequency)
        };
        let seconds = Duration::from_secs;
        assert_eq!(frequencies(""), (seconds(10), seconds(300)));
        assert_eq!(frequencies("node-status-update-frequency = '10s'"), (seconds(10), seconds(10)));
        assert_eq!(frequencies("node-status-report-frequency = '1m30s'"), (seconds(10), seconds(90)));
        let both = "node-status-report-frequency = '1h'\nnode-status-update-frequency = '20s'";
        assert_eq!(frequencies(both), (seconds(20), seconds(3600)));
    }

    #[test]
    fn a_written_report_frequency_outlives_a_later_update_frequency() {
        let text = format!("{ROOT}node-status-report-frequency = '2m'");
        let mut profile = from_text("p.toml", &text).unwrap();
        profile.set("kubelet.node-status-update-frequency=30s").unwrap();
        assert_eq!(profile.kubelet.node_status_report_frequency, Duration::from_mins(2));
    }

    #[test]
    fn is_recorded_under_the_names_of_the_file() {
        let json = serde_json::to_value(kubelet("kube-api-qps = 5")).unwrap();
        let expected = serde_json::json!({
            "node-status-update-frequency": "10s",
            "node-status-report-frequency": "5m",
            "node-lease-duration-seconds": 40,
            "kube-api-qps": 5,
            "kube-api-burst": 100,
            "event-record-qps": 50,
            "event-burst": 100,
            "max-pods": 110,
        });
        assert_eq!(json, expected);
    }
}

//! The command line of `fake-kubelet`, and what of it can be judged before anything is started.

use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{CommandFactory, Parser, error::ErrorKind};
use fake_kubelet::{BadLatency, Choice, Class, Classes, Latencies, Latency, Limit, Limits, Preset, Rotation};
use measure::Rate;

use crate::serving::Serving;

/// Registers virtual nodes with a kube-apiserver and keeps them alive until Ctrl-C.
///
/// Each node has its own certificate and its own connection, renews its lease, reports its status, and runs the pods the
/// scheduler binds to it as a kubelet would, without containers. The Node objects stay when the fleet stops; started again
/// with the same names, it takes its nodes and their pods over.
#[derive(Parser, Debug)]
#[command(version)]
pub(crate) struct Arguments {
    /// How many nodes.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) nodes: u32,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    traffic: Traffic,
    #[command(flatten)]
    limits: KubeletLimits,
    /// Nodes are called PREFIX0, PREFIX1, and so on.
    #[arg(long, default_value = "fake-", value_name = "PREFIX")]
    pub(crate) name_prefix: String,
    /// Value of the label loadgen.run on every Node.
    #[arg(long, default_value = "fake-kubelet", value_name = "ID")]
    pub(crate) run_id: String,
    /// Nodes started per second.
    #[arg(long, default_value = "100/s")]
    pub(crate) start_rate: Rate,
    /// So many nodes of each thread may be on their way to Ready at a time; as many as the rate makes, if this is not given.
    #[arg(long, value_name = "N")]
    pub(crate) start_at_once: Option<NonZeroU32>,
    /// CPUs of a node.
    #[arg(long, default_value = "8")]
    pub(crate) node_cpu: String,
    /// Memory of a node.
    #[arg(long, default_value = "32Gi")]
    pub(crate) node_memory: String,
    /// Most pods on a node.
    #[arg(long, default_value_t = 110)]
    pub(crate) max_pods: u32,
    /// Threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) shards: u32,
    /// HTTPS endpoint of the kubelets, for `kubectl logs`, `kubectl top` and metrics-server: a PORT for all nodes, `off`, or `auto`,
    /// which is any free port if the apiserver is on this machine and the nodes have certificates of its CA. Only this machine can
    /// reach it.
    #[arg(long, default_value = "auto", value_name = "auto|off|PORT")]
    pub(crate) kubelet_endpoint: Serving,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Which cluster, and who the nodes are there.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct Target {
    /// Where the apiserver is. Also read from KUBECONFIG, or ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Which context of the kubeconfig.
    #[arg(long)]
    pub(crate) context: Option<String>,
    /// Certificate of the cluster's CA for client certificates, which signs the nodes' certificates. On a kubeadm control plane
    /// /etc/kubernetes/pki/ca.crt. Nodes that share a connection (--preset kwok) do without: they act as the kubeconfig's user.
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    ca_cert: Option<PathBuf>,
    /// Key of that CA; on a kubeadm control plane /etc/kubernetes/pki/ca.key.
    #[arg(long, value_name = "FILE", requires = "ca_cert")]
    ca_key: Option<PathBuf>,
}

/// What the nodes send.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Traffic")]
struct Traffic {
    /// What the nodes send: all that a kubelet and its kube-proxy do (kubelet), all that a kubelet does (kubelet-only), or what
    /// KWOK does (kwok: one identity and connection for all nodes, and leases).
    #[arg(long, default_value_t, value_name = "kubelet|kubelet-only|kwok")]
    preset: Preset,
    /// Leaves out a class of traffic. May be repeated. own-connection: a connection and an identity for each node; node-watches:
    /// its own Node, services, CSI drivers and runtime classes; object-watches: each Secret and ConfigMap its pods use; tokens;
    /// pod-gets: the GET before each PATCH of a pod's status; pod-phases: a PATCH for each phase of a pod, not only the last;
    /// volume-gets: of claims and volumes; events; node-status; node-images: the list that makes a Node 15-20 kB; csi-node;
    /// resource-slices: their deletion at the start; kube-proxy.
    #[arg(long, value_name = "CLASS")]
    without: Vec<Class>,
    /// Adds a class of traffic that the preset leaves out. May be repeated.
    #[arg(long, value_name = "CLASS")]
    with: Vec<Class>,
}

/// The kubelet's own flags of these names.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Kubelet")]
struct KubeletLimits {
    /// Requests per second of each node's kubelet; leases, node status and watches are not limited.
    #[arg(long, default_value = "50", value_name = "N", value_parser = per_second)]
    kube_api_qps: f64,
    /// Requests at once.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    kube_api_burst: u32,
    /// Events per second of each node's kubelet.
    #[arg(long, default_value = "50", value_name = "N", value_parser = per_second)]
    event_qps: f64,
    /// Nodes replace their certificates by signing requests, as kubelets with rotateCertificates do, and ask for so long a life each
    /// time: 10m or more. They do it after 70-90 % of it. Without this they keep what they start with.
    #[arg(long, value_name = "TIME", value_parser = certificate_life)]
    rotate_certificates: Option<Duration>,
    /// Events at once.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    event_burst: u32,
    /// How long a step of a pod's life takes: a time (300ms), any time in a range (250ms..550ms), or a log-normal one by its median
    /// and its 99th percentile (300ms~2s). May be repeated. Steps: admit, mount, sandbox, pull, create, start, probe (until ready),
    /// init, job, relist, relist-again, stop, remove.
    #[arg(long = "latency", value_name = "STEP=TIME", value_parser = step_latency)]
    latencies: Vec<(String, Latency)>,
}

/// `STEP=TIME`.
fn step_latency(text: &str) -> Result<(String, Latency), String> {
    let (step, latency) = text.split_once('=').ok_or("it must be STEP=TIME, such as sandbox=250ms..550ms")?;
    let latency: Latency = latency.parse().map_err(|error: BadLatency| error.to_string())?;
    // Said here, where clap names the argument.
    Latencies::default().set(step, latency.clone()).map_err(|error| error.to_string())?;
    Ok((step.to_owned(), latency))
}

/// The API refuses less than ten minutes (`certificates/validation`).
fn certificate_life(text: &str) -> Result<Duration, String> {
    let life = text.parse::<jiff::SignedDuration>().ok().and_then(|life| Duration::try_from(life).ok());
    life.filter(|life| *life >= Duration::from_mins(10))
        .ok_or_else(|| "it must be a time such as 10m or 24h".to_owned())
}

fn per_second(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if f64::is_finite(rate) && rate > 0.0 => Ok(rate),
        _ => Err("it must be a number above 0".to_owned()),
    }
}

/// Who the nodes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Authority<'a> {
    /// Whom the cluster's CA says they are: certificate and key.
    Ca(&'a Path, &'a Path),
    /// The kubeconfig's user, all of them.
    Shared,
}

impl Arguments {
    /// What the nodes send.
    pub(crate) fn classes(&self) -> Result<Classes, clap::Error> {
        let Traffic { preset, without, with } = &self.traffic;
        let choice = Choice { preset: *preset, without: without.clone(), with: with.clone() };
        choice.classes().map_err(|error| Self::command().error(ErrorKind::ArgumentConflict, error))
    }

    /// Who they are.
    pub(crate) fn authority(&self, classes: Classes) -> Result<Authority<'_>, clap::Error> {
        match (&self.target.ca_cert, &self.target.ca_key) {
            _ if !classes.has(Class::OwnConnection) => Ok(Authority::Shared),
            (Some(certificate), Some(key)) => Ok(Authority::Ca(certificate, key)),
            _ => Err(Self::command().error(
                ErrorKind::MissingRequiredArgument,
                "nodes with identities of their own need --ca-cert and --ca-key: on a kubeadm control plane \
                 /etc/kubernetes/pki/ca.crt and ca.key. Without them there is --preset kwok, whose nodes all act as the \
                 kubeconfig's user",
            )),
        }
    }

    /// How their certificates are replaced.
    pub(crate) fn rotation(&self) -> Option<Rotation> {
        self.limits.rotate_certificates.map(|lifetime| Rotation { lifetime })
    }

    /// How long pods take.
    pub(crate) fn latencies(&self) -> Result<Latencies, BadLatency> {
        let mut latencies = Latencies::default();
        for (step, latency) in &self.limits.latencies {
            latencies.set(step, latency.clone())?;
        }
        Ok(latencies)
    }

    /// What each kubelet allows itself.
    pub(crate) fn limits(&self) -> Limits {
        let KubeletLimits { kube_api_qps, kube_api_burst, event_qps, event_burst, .. } = self.limits;
        Limits {
            kube: Limit { qps: kube_api_qps, burst: kube_api_burst },
            events: Limit { qps: event_qps, burst: event_burst },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Arguments {
        Arguments::try_parse_from([&["fake-kubelet"], arguments].concat()).unwrap()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_class_is_explained() {
        let help = Arguments::command().render_long_help().to_string();
        for class in Class::ALL {
            assert!(help.contains(class.name()), "{class} is not in the help");
        }
    }

    #[test]
    fn limits_are_a_kubelets_unless_they_are_given() {
        assert_eq!(parse(&[]).limits(), Limits::default());
        let limits = parse(&["--kube-api-qps", "5", "--kube-api-burst", "10", "--event-qps", "0.5"]).limits();
        assert_eq!(
            (limits.kube, limits.events),
            (Limit { qps: 5.0, burst: 10 }, Limit { qps: 0.5, burst: 100 })
        );
    }

    #[test]
    fn only_nodes_with_identities_of_their_own_need_the_ca() {
        let kubelets = parse(&[]);
        assert!(kubelets.authority(kubelets.classes().unwrap()).is_err());
        let kwok = parse(&["--preset", "kwok"]);
        assert_eq!(kwok.authority(kwok.classes().unwrap()).unwrap(), Authority::Shared);
    }
}

//! Writes the keys, certificates and kubeconfigs of a control plane, under kubeadm's names.
//!
//! Subjects are those of cmd/kubeadm/app/phases/certs/certlist.go and phases/kubeconfig/kubeconfig.go. Only the admin
//! is in system:masters: that group is exempt from priority and fairness, so neither components nor load may be in it.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use identity::{Authority, ClusterPki, Issued, Purpose, Subject, kubeconfig};
use profile::Component;

use crate::{
    Error,
    layout::{ADVERTISE_ADDRESS, DNS_DOMAIN, KUBERNETES_SERVICE_IP, Layout},
};

/// The apiserver's user when it talks to kubelets (`cmd/kubeadm/app/constants`, `APIServerKubeletClientCertCommonName`).
pub(crate) const KUBELET_CLIENT: &str = "kube-apiserver-kubelet-client";

/// What remains of the PKI in memory: the means of checking that components are ready.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) ca_pem: String,
    pub(crate) admin: Issued,
}

/// Makes everything and writes it. Takes a few milliseconds.
pub(crate) fn write(layout: &Layout) -> Result<Access, Error> {
    let pki = ClusterPki::generate()?;
    for dir in [layout.pki(""), layout.pki("etcd")] {
        fs::DirBuilder::new().mode(0o700).create(&dir).map_err(Error::file("create", &dir))?;
    }
    private(&layout.ca_cert(), pki.ca.cert_pem())?;
    private(&layout.ca_key(), &pki.ca.key_pem())?;
    private(&layout.pki("sa.key"), &pki.service_account_key_pem)?;
    private(&layout.pki("sa.pub"), &pki.service_account_pub_pem)?;
    private(&layout.pki("front-proxy-ca.crt"), pki.front_proxy_ca.cert_pem())?;
    private(&layout.pki("etcd/ca.crt"), pki.etcd_ca.cert_pem())?;
    for (authority, name, common_name, organization, purpose) in certificates(&pki) {
        let issued = issue(authority, common_name, organization, &purpose)?;
        private(&layout.pki(&format!("{name}.crt")), &issued.cert_pem)?;
        private(&layout.pki(&format!("{name}.key")), &issued.key_pem)?;
    }
    let render = |issued: &Issued| {
        kubeconfig::render("loadgen", &layout.server(), pki.ca.cert_pem(), &issued.cert_pem, &issued.key_pem)
    };
    for component in [Component::ControllerManager, Component::Scheduler] {
        let issued = issue(&pki.ca, &format!("system:{}", component.binary()), None, &Purpose::Client)?;
        private(&layout.kubeconfig(component), &render(&issued))?;
    }
    let admin = issue(&pki.ca, "loadgen-admin", Some("system:masters"), &Purpose::Client)?;
    private(&layout.admin_kubeconfig(), &render(&admin))?;
    Ok(Access { ca_pem: pki.ca.cert_pem().to_owned(), admin })
}

type Certificate<'a> = (&'a Authority, &'static str, &'static str, Option<&'static str>, Purpose);

/// Authority, file name, common name, organization and purpose of each certificate.
fn certificates(pki: &ClusterPki) -> [Certificate<'_>; 8] {
    let sans = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let local = || sans(&["localhost", "127.0.0.1"]);
    let in_cluster = format!("kubernetes.default.svc.{DNS_DOMAIN}");
    let apiserver = sans(&[
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        &in_cluster,
        "localhost",
        "127.0.0.1",
        KUBERNETES_SERVICE_IP,
        ADVERTISE_ADDRESS,
    ]);
    let (ca, etcd) = (&pki.ca, &pki.etcd_ca);
    [
        (ca, "apiserver", "kube-apiserver", None, Purpose::Server { sans: apiserver }),
        (ca, "apiserver-kubelet-client", KUBELET_CLIENT, None, Purpose::Client),
        (ca, "kube-controller-manager", "kube-controller-manager", None, Purpose::Server { sans: local() }),
        (ca, "kube-scheduler", "kube-scheduler", None, Purpose::Server { sans: local() }),
        (&pki.front_proxy_ca, "front-proxy-client", "front-proxy-client", None, Purpose::Client),
        (etcd, "apiserver-etcd-client", "kube-apiserver-etcd-client", None, Purpose::Client),
        (etcd, "etcd/server", "etcd-0", None, Purpose::Both { sans: local() }),
        (etcd, "etcd/peer", "etcd-0", None, Purpose::Both { sans: local() }),
    ]
}

fn issue(
    authority: &Authority,
    name: &str,
    organization: Option<&str>,
    purpose: &Purpose,
) -> Result<Issued, Error> {
    let organizations = organization.into_iter().map(str::to_owned).collect();
    Ok(authority.issue(&Subject { common_name: name.to_owned(), organizations }, purpose)?)
}

/// Writes a file that only this user can read.
pub(crate) fn private(path: &Path, text: &str) -> Result<(), Error> {
    let file = fs::File::options().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Error::file("write", path))
}

//! Writes the keys, certificates and kubeconfigs of a control plane, under kubeadm's names.
//!
//! Subjects are those of cmd/kubeadm/app/phases/certs/certlist.go and phases/kubeconfig/kubeconfig.go. Only the admin
//! is in system:masters: that group is exempt from priority and fairness, so neither components nor load may be in it.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use identity::{Authority, ClusterPki, Issued, Purpose, Subject, kubeconfig};
use profile::Component;
use wire::Acceptor;

use crate::{
    Error, https,
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

/// What certificates and tokens are good under: with these files a control plane recognizes what another one issued. By
/// their names in a snapshot, which are kubeadm's.
const LASTING: [&str; 8] = [
    "ca.crt",
    "ca.key",
    "sa.key",
    "sa.pub",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "etcd/ca.crt",
    "etcd/ca.key",
];

fn place(layout: &Layout, name: &str) -> PathBuf {
    match name {
        "ca.crt" => layout.ca_cert(),
        "ca.key" => layout.ca_key(),
        name => layout.pki(name),
    }
}

/// Copies what lasts of a control plane's keys into a new folder, readable to this user only.
pub(crate) fn keep(layout: &Layout, folder: &Path) -> Result<(), Error> {
    self::folder(folder)?;
    self::folder(&folder.join("etcd"))?;
    for name in LASTING {
        let from = place(layout, name);
        let text = fs::read_to_string(&from).map_err(Error::file("read", &from))?;
        private(&folder.join(name), &text)?;
    }
    Ok(())
}

/// Reads what [`keep`] has written.
pub(crate) fn kept(folder: &Path) -> Result<ClusterPki, Error> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(Error::file("read", path))
    };
    let authority = |name: &str| -> Result<Authority, Error> {
        Ok(Authority::from_pem(&read(&format!("{name}.crt"))?, &read(&format!("{name}.key"))?)?)
    };
    Ok(ClusterPki {
        ca: authority("ca")?,
        etcd_ca: authority("etcd/ca")?,
        front_proxy_ca: authority("front-proxy-ca")?,
        service_account_key_pem: read("sa.key")?,
        service_account_pub_pem: read("sa.pub")?,
    })
}

/// Issues every certificate under these authorities and writes everything. Takes a few milliseconds.
pub(crate) fn write(layout: &Layout, pki: &ClusterPki) -> Result<Access, Error> {
    folder(&layout.pki(""))?;
    folder(&layout.pki("etcd"))?;
    let lasting = [
        pki.ca.cert_pem(),
        &pki.ca.key_pem(),
        &pki.service_account_key_pem,
        &pki.service_account_pub_pem,
        pki.front_proxy_ca.cert_pem(),
        &pki.front_proxy_ca.key_pem(),
        pki.etcd_ca.cert_pem(),
        &pki.etcd_ca.key_pem(),
    ];
    for (name, text) in LASTING.into_iter().zip(lasting) {
        private(&place(layout, name), text)?;
    }
    for (authority, name, common_name, organization, purpose) in certificates(pki) {
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

/// Issues the audit webhook's certificate, and writes the kubeconfig with which apiservers reach it on a port of loopback.
///
/// The client certificate in there proves nothing that anybody asks for; kubeconfigs of ours have one.
pub(crate) fn webhook(layout: &Layout, pki: &ClusterPki, port: u16) -> Result<Acceptor, Error> {
    let client = issue(&pki.ca, "kube-apiserver-audit-client", None, &Purpose::Client)?;
    let server = format!("https://127.0.0.1:{port}");
    let text = kubeconfig::render("audit", &server, pki.ca.cert_pem(), &client.cert_pem, &client.key_pem);
    private(&layout.audit_webhook(), &text)?;
    https::acceptor(&pki.ca, "audit-webhook")
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

/// Makes a folder that only this user can look into.
pub(crate) fn folder(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().mode(0o700).create(path).map_err(Error::file("create", path))
}

/// Writes a file that only this user can read.
pub(crate) fn private(path: &Path, text: &str) -> Result<(), Error> {
    let file = fs::File::options().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Error::file("write", path))
}

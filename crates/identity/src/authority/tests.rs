//! Certificates are judged by the verifier that judges them in production.

use std::sync::Arc;

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    crypto::ring,
    pki_types::{ServerName, UnixTime},
    server::WebPkiClientVerifier,
};

use super::*;
use crate::ClusterPki;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// So many seconds from now, since the epoch.
fn after(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(jiff::Timestamp::now().as_second() + seconds).unwrap())
}

fn now() -> Duration {
    after(0)
}

fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.cert_pem().as_bytes()).unwrap()).unwrap();
    Arc::new(roots)
}

fn serves(authority: &Authority, issued: &Issued, name: &str, at: Duration) -> bool {
    WebPkiServerVerifier::builder_with_provider(roots(authority), Arc::new(ring::default_provider()))
        .build()
        .unwrap()
        .verify_server_cert(
            issued.cert_der(),
            &[],
            &ServerName::try_from(name.to_owned()).unwrap(),
            &[],
            UnixTime::since_unix_epoch(at),
        )
        .is_ok()
}

fn authenticates(authority: &Authority, issued: &Issued, at: Duration) -> bool {
    WebPkiClientVerifier::builder_with_provider(roots(authority), Arc::new(ring::default_provider()))
        .build()
        .unwrap()
        .verify_client_cert(issued.cert_der(), &[], UnixTime::since_unix_epoch(at))
        .is_ok()
}

/// Whether the certificate's subject or issuer has this UTF-8 attribute of the arc 2.5.4.
fn names(issued: &Issued, attribute: u8, value: &str) -> bool {
    let length = u8::try_from(value.len()).unwrap();
    let encoded = [&[0x06, 0x03, 0x55, 0x04, attribute, 0x0c, length], value.as_bytes()].concat();
    issued.cert_der().windows(encoded.len()).any(|window| window == encoded)
}

#[test]
fn a_node_certificate_is_a_client_of_its_own_authority_only() {
    let [ours, other] = ["kubernetes", "somebody-else"].map(|name| Authority::new(name).unwrap());
    let issued = ours.issue(&Subject::node("n-1"), &Purpose::Client).unwrap();
    assert!(authenticates(&ours, &issued, now()));
    assert!(!authenticates(&other, &issued, now()));
    assert!(!serves(&ours, &issued, "localhost", now()));
    assert!(names(&issued, 3, "system:node:n-1") && names(&issued, 10, "system:nodes"));
    issued.client_certificate().unwrap();
    wire::ClientCertificate::from_pem(issued.cert_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap();
}

#[test]
fn a_server_certificate_serves_its_names_and_no_other() {
    let authority = Authority::new("kubernetes").unwrap();
    let sans: Vec<String> = ["kubernetes.default.svc", "127.0.0.1", "::1"].map(str::to_owned).into();
    let server =
        authority.issue(&Subject::user("kube-apiserver"), &Purpose::Server { sans: sans.clone() }).unwrap();
    assert!(sans.iter().all(|name| serves(&authority, &server, name, now())));
    assert!(!["localhost", "127.0.0.2"].iter().any(|name| serves(&authority, &server, name, now())));
    assert!(!authenticates(&authority, &server, now()));

    let both = authority.issue(&Subject::user("etcd"), &Purpose::Both { sans }).unwrap();
    assert!(serves(&authority, &both, "127.0.0.1", now()) && authenticates(&authority, &both, now()));
}

#[test]
fn certificates_live_a_year_and_begin_a_little_before_they_are_made() {
    let authority = Authority::new("kubernetes").unwrap();
    let issued = authority.issue(&Subject::node("n-1"), &Purpose::Client).unwrap();
    let valid = [-4 * MINUTE, 364 * DAY].map(|seconds| authenticates(&authority, &issued, after(seconds)));
    let invalid = [-6 * MINUTE, 366 * DAY].map(|seconds| authenticates(&authority, &issued, after(seconds)));
    assert_eq!((valid, invalid), ([true; 2], [false; 2]));
}

#[test]
fn an_authority_that_was_written_down_issues_as_before() {
    let written = Authority::new("kubernetes").unwrap();
    let read = Authority::from_pem(written.cert_pem(), &written.key_pem()).unwrap();
    let issued = read.issue(&Subject::node("n-1"), &Purpose::Client).unwrap();
    assert!(authenticates(&written, &issued, now()));
}

#[test]
fn authorities_of_kubeadm_and_openssl_are_read() {
    // RSA as kubeadm and kind write it (PKCS#1), and P-256 as openssl does (SEC 1).
    for (cert, key) in [
        (include_str!("../../testdata/test-only-rsa.crt"), include_str!("../../testdata/test-only-rsa.key")),
        (include_str!("../../testdata/test-only-ec.crt"), include_str!("../../testdata/test-only-ec.key")),
    ] {
        let authority = Authority::from_pem(cert, key).unwrap();
        let issued = authority.issue(&Subject::node("n-1"), &Purpose::Client).unwrap();
        assert!(authenticates(&authority, &issued, now()), "{}", key.lines().next().unwrap());
    }
}

#[test]
fn what_cannot_be_an_authority_is_refused_with_the_reason() {
    let [one, other] = ["kubernetes", "other"].map(|name| Authority::new(name).unwrap());
    let leaf = one.issue(&Subject::node("n-1"), &Purpose::Client).unwrap();
    let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (cert, key, reason) in [
        ("", one.key_pem().as_str(), "the certificate holds no PEM certificate"),
        (one.cert_pem(), "", "the key holds no PEM private key"),
        (one.cert_pem(), broken, "the PKCS#8 key cannot be read"),
        (one.cert_pem(), &other.key_pem(), "the key does not belong to the certificate"),
        (&leaf.cert_pem, &leaf.key_pem, "its certificate may not sign certificates"),
    ] {
        let error = Authority::from_pem(cert, key).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn two_groups_and_impossible_names_are_refused() {
    let authority = Authority::new("kubernetes").unwrap();
    let mut subject = Subject::node("n-1");
    subject.organizations.push("system:masters".to_owned());
    let error = authority.issue(&subject, &Purpose::Client).unwrap_err();
    assert!(error.to_string().contains("2 organizations"), "{error}");
    let sans = vec!["münchen".to_owned()];
    assert!(authority.issue(&Subject::user("x"), &Purpose::Server { sans }).is_err());
}

#[test]
fn debug_shows_no_key() {
    let authority = Authority::new("kubernetes").unwrap();
    let issued = authority.issue(&Subject::node("n-1"), &Purpose::Client).unwrap();
    let key_line = issued.key_pem.lines().nth(1).unwrap();
    assert!(!format!("{issued:?}").contains(key_line));
    assert!(!format!("{authority:?}").contains(authority.key_pem().lines().nth(1).unwrap()));
}

#[test]
fn a_cluster_has_three_authorities_and_a_signing_pair() {
    let pki = ClusterPki::generate().unwrap();
    let issued = pki.ca.issue(&Subject::user("kubernetes-admin"), &Purpose::Client).unwrap();
    assert!(
        !authenticates(&pki.etcd_ca, &issued, now()) && !authenticates(&pki.front_proxy_ca, &issued, now())
    );
    // The block types that client-go's keyutil accepts.
    assert!(pki.service_account_key_pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(pki.service_account_pub_pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let pair = KeyPair::from_pem(&pki.service_account_key_pem).unwrap();
    assert_eq!(pair.public_key_pem(), pki.service_account_pub_pem);
}

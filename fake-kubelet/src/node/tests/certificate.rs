//! Certificate rotation.

use bytes::Bytes;
use identity::Authority;
use k8s_pb::api::certificates::v1::CertificateSigningRequest;

use super::{
    driver::{Driver, Fault, seconds, spec},
    server::Server,
};
use crate::{Call, Event, NodeSpec, Rotation};

const POST: &str = "POST certificatesigningrequests";
const LIST: &str = "GET certificatesigningrequests?fieldSelector=metadata.name%3Dcsr-x";

fn rotating(seed: u64) -> Driver {
    let rotation = Some(Rotation { lifetime: seconds(1000) });
    let mut driver = Driver::of(NodeSpec { rotation, ..spec() }, Server::default(), seed);
    driver.start();
    driver.run_until(seconds(2));
    driver.forget();
    driver
}

/// What the controller-manager issues for the request that the server has.
fn issued(driver: &Driver) -> Bytes {
    let request = driver.server.certificate_request.clone().unwrap().spec.unwrap().request.unwrap();
    let request = String::from_utf8(request).unwrap();
    Authority::new("ca").unwrap().sign(&request).unwrap().into()
}

#[test]
fn a_certificate_is_asked_for_after_seven_to_nine_tenths_of_its_life() {
    let times: Vec<u64> = (0..20)
        .map(|seed| {
            let mut driver = rotating(seed);
            driver.run_until(seconds(1000));
            driver.times_of(POST)[0]
        })
        .collect();
    assert!(times.iter().all(|at| (700_000..900_000).contains(at)), "{times:?}");
    assert!(
        times.iter().max().unwrap() - times.iter().min().unwrap() > 100_000,
        "not all at once: {times:?}"
    );
}

#[test]
fn the_request_is_a_kubelets() {
    let mut driver = rotating(1);
    driver.run_until(seconds(901));
    driver.check_of("certificatesigning", &[POST, LIST]);
    let CertificateSigningRequest { metadata, spec, .. } = driver.server.certificate_request.clone().unwrap();
    assert_eq!(metadata.unwrap().generate_name(), "csr-");
    let spec = spec.unwrap();
    assert_eq!(spec.signer_name(), "kubernetes.io/kube-apiserver-client-kubelet");
    assert_eq!(spec.usages, ["digital signature", "client auth"]);
    assert_eq!(spec.expiration_seconds(), 1000);
    let (_, _, watch) = driver.watched.last().unwrap();
    assert_eq!(watch.path, "/apis/certificates.k8s.io/v1/certificatesigningrequests");
    assert_eq!(watch.field_selector.as_deref(), Some("metadata.name=csr-x"));
}

#[test]
fn a_new_certificate_is_used_within_ten_seconds_and_replaced_in_its_turn() {
    let mut driver = rotating(1);
    driver.run_until(seconds(905));
    let pem = issued(&driver);
    driver.happen(Event::Issued(Some(pem)));
    driver.run_until(seconds(909));
    assert!(driver.certificates.is_empty());
    driver.run_until(seconds(1500));
    assert_eq!(driver.certificates, [seconds(910)], "the transport looks every 10 s from the start");
    driver.forget();
    driver.run_until(seconds(1805));
    assert_eq!(driver.times_of(POST).len(), 1);
}

#[test]
fn a_failure_is_tried_again_with_growing_pauses_and_then_every_32_seconds() {
    let mut driver = rotating(1);
    driver.on_request(|call| (*call == Call::CreateCertificateRequest).then_some(Fault::Refused(500)));
    driver.run_until(seconds(1100));
    let times = driver.times_of(POST);
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0] - 2).take(7).collect();
    for (pause, least) in pauses.iter().zip([2000, 4000, 8000, 16_000]) {
        assert!((least..=least + least / 10).contains(pause), "{pauses:?}");
    }
    assert_eq!(pauses[4..], [32_000; 3]);
}

#[test]
fn a_request_that_is_denied_or_of_another_key_is_made_again() {
    let mut driver = rotating(1);
    driver.run_until(seconds(905));
    driver.happen(Event::Issued(None));
    driver.run_for(seconds(3));
    assert_eq!(driver.times_of(POST).len(), 2);
    let other = Authority::new("ca").unwrap();
    let foreign = other.sign(identity::SigningRequest::for_node("vm").unwrap().pem()).unwrap();
    driver.happen(Event::Issued(Some(foreign.into())));
    driver.run_for(seconds(5));
    assert_eq!(driver.times_of(POST).len(), 3);
    assert!(driver.certificates.is_empty());
}

#[test]
fn a_request_that_nobody_answers_is_given_up_after_a_quarter_of_an_hour() {
    let mut driver = rotating(1);
    driver.run_until(seconds(900));
    let asked = driver.times_of(POST)[0];
    driver.run_for(seconds(1000));
    let times = driver.times_of(POST);
    assert!((902_000..902_300).contains(&(times[1] - asked)), "{times:?}");
}

#[test]
fn a_request_that_cannot_be_listed_is_listed_again_every_second() {
    let mut driver = rotating(1);
    driver.on_request(|call| (*call == Call::ListCertificateRequest).then_some(Fault::Unreachable));
    driver.run_until(seconds(900));
    let asked = driver.times_of(POST)[0];
    driver.serve_all();
    let lists = driver.times_of(LIST);
    assert_eq!(lists[..3], [asked + 2, asked + 1004, asked + 2006]);
}

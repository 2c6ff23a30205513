//! Certificate rotation: how a kubelet replaces its client certificate before it ends.
//!
//! Sends, after 70-90 % of the certificate's life: `POST certificatesigningrequests`, `LIST` of that one every second until it
//! succeeds, and a `WatchList` of it until it is issued, refused, or 15 minutes have passed. A failure is tried again after 2, 4, 8
//! and 16 s, each up to a tenth longer, and then every 32 s (`client-go util/certificate`, `rotateCerts`; `csr/csr.go`). The new
//! certificate is noticed within 10 s, and then every connection is closed (`pkg/kubelet/certificate/transport.go`).

use std::time::Duration;

use identity::SigningRequest;
use k8s_pb::{api::certificates::v1 as certificates, apimachinery::pkg::apis::meta::v1 as meta};
use measure::Nanos;
use rand::RngExt;
use wire::{ClientCertificate, Encoding, Request, WatchSpec};

use super::Common;
use crate::action::{Action, Answer, Call, Now, Watched};

const COLLECTION: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
/// `certificateWaitTimeout`.
const ISSUED_WITHIN: Duration = Duration::from_mins(15);
const LIST_AGAIN: Duration = Duration::from_secs(1);
/// How often the transport looks whether there is another certificate.
const NOTICED_EVERY: Duration = Duration::from_secs(10);
/// Pauses between the first tries, and then for ever.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8), Duration::from_secs(16)];
const LAST_PAUSE: Duration = Duration::from_secs(32);

/// That certificates are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// How long certificates are asked for; the API takes ten minutes and more.
    pub lifetime: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Certificate {
    state: State,
    /// Failures since the last success.
    failures: usize,
    started: Nanos,
    /// A certificate that the transport has not noticed yet, and when it will.
    issued: Option<(Nanos, ClientCertificate)>,
}

#[derive(Debug, Default)]
enum State {
    /// Nothing is to be replaced.
    #[default]
    Off,
    /// The next try begins at this time.
    Waiting(Nanos),
    /// The request is being made.
    Asking(SigningRequest),
    /// The request exists and is looked for; again at this time, if it is set.
    Listing { request: SigningRequest, name: String, give_up: Nanos, again: Option<Nanos> },
    /// The certificate is waited for.
    Watching { request: SigningRequest, name: String, give_up: Nanos },
}

impl Certificate {
    pub(super) fn start(&mut self, common: &mut Common, now: Now) {
        self.started = now.at;
        self.wait_for_deadline(common, now);
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        let state = match &self.state {
            State::Off | State::Asking(_) => None,
            State::Waiting(at) | State::Watching { give_up: at, .. } => Some(*at),
            State::Listing { again, .. } => *again,
        };
        state.into_iter().chain(self.issued.as_ref().map(|(at, _)| *at)).min()
    }

    pub(super) fn on_deadline(&mut self, common: &mut Common, now: Now, out: &mut Vec<Action>) {
        if let Some((_, certificate)) = self.issued.take_if(|(at, _)| *at <= now.at) {
            out.push(Action::UseCertificate(certificate));
        }
        match &mut self.state {
            State::Waiting(at) if *at <= now.at => {
                let intended = *at;
                self.ask(common, now, intended, out);
            }
            State::Listing { give_up, .. } | State::Watching { give_up, .. } if *give_up <= now.at => {
                self.failed(common, now, out);
            }
            State::Listing { name, again, .. } => {
                if let Some(intended) = again.take_if(|at| *at <= now.at) {
                    out.push(list(name, intended));
                }
            }
            _ => {}
        }
    }

    pub(super) fn on_answer(
        &mut self,
        common: &mut Common,
        now: Now,
        call: &Call,
        answer: &Answer,
        out: &mut Vec<Action>,
    ) {
        // The answer to a LIST that was given up may come when something else is waited for.
        match (std::mem::take(&mut self.state), call) {
            (State::Asking(request), Call::CreateCertificateRequest) => match created_name(answer) {
                Some(name) => {
                    out.push(list(&name, now.at));
                    let give_up = now.at + ISSUED_WITHIN;
                    self.state = State::Listing { request, name, give_up, again: None };
                }
                None => self.failed(common, now, out),
            },
            (State::Listing { request, name, give_up, .. }, _) if answer.is_success() => {
                out.push(watch(&name));
                self.state = State::Watching { request, name, give_up };
            }
            (State::Listing { request, name, give_up, .. }, _) => {
                let again = Some(now.at + LIST_AGAIN);
                self.state = State::Listing { request, name, give_up, again };
            }
            (other, _) => self.state = other,
        }
    }

    /// The watch of the request, while there is one.
    pub(super) fn open(&self, out: &mut Vec<Action>) {
        if let State::Watching { name, .. } = &self.state {
            out.push(watch(name));
        }
    }

    /// The watch shows the certificate, or that there will be none.
    pub(super) fn on_outcome(
        &mut self,
        common: &mut Common,
        now: Now,
        issued: Option<&[u8]>,
        out: &mut Vec<Action>,
    ) {
        let State::Watching { request, .. } = &self.state else { return };
        let Some(certificate) = issued.and_then(|pem| request.client_certificate(pem).ok()) else {
            self.failed(common, now, out);
            return;
        };
        out.push(Action::Unwatch(Watched::CertificateRequest));
        self.failures = 0;
        let period = Nanos::from(NOTICED_EVERY).0;
        let looks = Nanos::from(now.at.since(self.started)).0 / period + 1;
        self.issued = Some((Nanos(self.started.0 + looks * period), certificate));
        self.wait_for_deadline(common, now);
    }

    /// `nextRotationDeadline`: at 70-90 % of the life of a certificate that is issued now.
    fn wait_for_deadline(&mut self, common: &mut Common, now: Now) {
        let lifetime = common.spec.rotation.map(|rotation| rotation.lifetime);
        self.state = match lifetime {
            Some(lifetime) => State::Waiting(now.at + lifetime.mul_f64(common.rng.random_range(0.7..0.9))),
            None => State::Off,
        };
    }

    fn ask(&mut self, common: &mut Common, now: Now, intended: Nanos, out: &mut Vec<Action>) {
        match SigningRequest::for_node(&common.name) {
            Ok(request) => {
                let call = Call::CreateCertificateRequest;
                out.push(Action::Send { call, request: create(common, &request), intended });
                self.state = State::Asking(request);
            }
            Err(_) => self.failed(common, now, out),
        }
    }

    fn failed(&mut self, common: &mut Common, now: Now, out: &mut Vec<Action>) {
        if matches!(self.state, State::Watching { .. }) {
            out.push(Action::Unwatch(Watched::CertificateRequest));
        }
        let pause = match PAUSES.get(self.failures) {
            Some(pause) => common.stretched(*pause, 0.1),
            None => LAST_PAUSE,
        };
        self.failures += 1;
        self.state = State::Waiting(now.at + pause);
    }
}

fn watch(name: &str) -> Action {
    let spec = WatchSpec::new(COLLECTION).field_selector(format!("metadata.name={name}"));
    Action::Watch { watched: Watched::CertificateRequest, spec }
}

fn created_name(answer: &Answer) -> Option<String> {
    answer.object::<certificates::CertificateSigningRequest>()?.metadata?.name
}

fn create(common: &Common, request: &SigningRequest) -> Request {
    let lifetime = common.spec.rotation.map(|rotation| rotation.lifetime.as_secs());
    let object = certificates::CertificateSigningRequest {
        metadata: Some(meta::ObjectMeta { generate_name: Some("csr-".to_owned()), ..Default::default() }),
        spec: Some(certificates::CertificateSigningRequestSpec {
            request: Some(request.pem().as_bytes().to_vec()),
            signer_name: Some(SigningRequest::SIGNER.to_owned()),
            expiration_seconds: lifetime.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX)),
            usages: SigningRequest::USAGES.map(str::to_owned).into(),
            ..Default::default()
        }),
        status: None,
    };
    let body = wire::protobuf::encode("certificates.k8s.io/v1", "CertificateSigningRequest", &object);
    Request::post(COLLECTION, body, Encoding::Protobuf)
}

fn list(name: &str, intended: Nanos) -> Action {
    let request = Request::get(format!("{COLLECTION}?fieldSelector=metadata.name%3D{name}"));
    Action::Send { call: Call::ListCertificateRequest, request, intended }
}

//! Volumes of a pod: the tokens that are projected into it, the Secrets and config maps it waits for, and its claims.
//!
//! Sends: `POST serviceaccounts/<account>/token` for each projected token, again at the first sync after four fifths of its life
//! (`token/token_manager.go`); `GET persistentvolumeclaims/<claim>` and `GET persistentvolumes/<volume>` at every sync of a pod with
//! claims (`volumemanager/populator`), which is every 60-90 s at least.

use std::{sync::Arc, time::Duration};

use k8s_pb::{
    api::{authentication::v1 as authentication, core::v1 as core},
    apimachinery::pkg::apis::meta::v1 as meta,
};
use measure::Nanos;
use rand::RngExt;
use wire::{Encoding, Request};

use super::{Life, Step, Surroundings};
use crate::{
    action::{Action, Answer, Call, Now, ObjectKind},
    classes::Class,
    events::Severity,
    pods::{seen::SeenPod, uses::VolumeToken},
};

const MAX_JITTER: Duration = Duration::from_secs(10);
/// A day: no token is kept for longer.
const MAX_AGE: Duration = Duration::from_hours(24);
/// From a sync to the volume manager's populator finding the pod (`desiredStateOfWorldPopulatorLoopSleepPeriod`).
const POPULATE_AFTER: Duration = Duration::from_millis(95);
/// From there to the look whether the claim is still bound, before it is mounted.
const VERIFY_AFTER: Duration = Duration::from_millis(50);
/// Pauses between tries to mount (`goroutinemap/exponentialbackoff`: 500 ms, doubled, to 2 min 2 s).
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(122);
/// How long a volume's Secret or config map is waited for before that is a failure.
const PATIENCE: Duration = Duration::from_secs(1);

/// The volumes of one pod.
#[derive(Debug)]
pub(super) struct Mounting {
    tokens: Box<[Token]>,
    /// When the claims are read next.
    claims_at: Option<Nanos>,
    /// And when they are read once more, before they are mounted.
    verify_at: Option<Nanos>,
    /// When tokens that could not be had are asked for again.
    retry_at: Option<Nanos>,
    pause: Duration,
    /// Until when missing objects are waited for without a word.
    patient_until: Option<Nanos>,
}

#[derive(Clone, Debug, Default)]
struct Token {
    under_way: bool,
    /// When it is old enough to be replaced; `None` before the first.
    refresh_at: Option<Nanos>,
}

impl Mounting {
    pub(super) fn of(pod: &SeenPod) -> Self {
        Self {
            tokens: vec![Token::default(); pod.tokens.len()].into(),
            claims_at: None,
            verify_at: None,
            retry_at: None,
            pause: FIRST_PAUSE,
            patient_until: None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        [self.claims_at, self.verify_at, self.retry_at].into_iter().flatten().min()
    }

    fn has_all_tokens(&self) -> bool {
        self.tokens.iter().all(|token| token.refresh_at.is_some())
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

impl Life {
    /// Starts to watch what the pod uses (`RegisterPod`).
    pub(super) fn register(&mut self, around: &mut Surroundings<'_>) {
        self.registered = true;
        if around.common.spec.classes.has(Class::ObjectWatches) {
            for object in &*self.pod.objects {
                around.objects.acquire(&object.name, object.is_mounted, around.now, around.out);
            }
        }
    }

    /// Stops to watch it (`UnregisterPod`).
    pub(super) fn unregister(&mut self, around: &mut Surroundings<'_>) {
        if std::mem::take(&mut self.registered) && around.common.spec.classes.has(Class::ObjectWatches) {
            for object in &*self.pod.objects {
                around.objects.release(&object.name, object.is_mounted, around.out);
            }
        }
    }

    /// Mounts what is to be mounted, as far as it is there; then the sandbox follows.
    pub(super) fn mount(&mut self, around: &mut Surroundings<'_>) {
        if let Some(missing) = self.missing_object(around) {
            let patient_until = *self.mounting.patient_until.get_or_insert(around.now.at + PATIENCE);
            if around.now.at < patient_until {
                self.worker = Some((around.now.at + Duration::from_millis(100), Step::Mount));
                return;
            }
            self.note(around, None, Severity::Warning, "FailedMount", missing);
            let pause = self.mounting.next_pause();
            self.worker = Some((around.now.at + pause, Step::Mount));
            return;
        }
        if around.common.spec.classes.has(Class::Tokens) && !self.mounting.has_all_tokens() {
            // The answers take the worker on.
            self.request_tokens(around);
            return;
        }
        self.plan_start(around, Step::MakeSandbox, |it| &it.sandbox);
    }

    fn missing_object(&self, around: &Surroundings<'_>) -> Option<String> {
        if !around.common.spec.classes.has(Class::ObjectWatches) {
            return None;
        }
        let required = self.pod.objects.iter().filter(|object| object.is_mounted && object.is_required);
        let missing = required.map(|object| &object.name).find(|name| !around.objects.is_known(name))?;
        let kind = match missing.kind {
            ObjectKind::ConfigMap => "configmap",
            ObjectKind::Secret => "secret",
        };
        Some(format!("MountVolume.SetUp failed for volume: {kind} \"{}\" not found", missing.name))
    }

    /// Asks for every token that is not there or is old.
    fn request_tokens(&mut self, around: &mut Surroundings<'_>) {
        for (index, token) in self.mounting.tokens.iter_mut().enumerate() {
            if token.under_way || token.refresh_at.is_some_and(|at| around.now.at < at) {
                continue;
            }
            token.under_way = true;
            around.out.push(Action::Send {
                call: Call::CreateToken(self.pod.uid.clone(), index),
                request: token_request(&self.pod, &self.pod.tokens[index]),
                intended: around.now.at,
            });
        }
    }

    /// A token was issued, or not.
    pub(in crate::pods) fn on_token(&mut self, index: usize, answer: &Answer, around: &mut Surroundings<'_>) {
        let Some(seconds) = self.pod.tokens.get(index).map(|token| token.seconds) else { return };
        let token = &mut self.mounting.tokens[index];
        token.under_way = false;
        if answer.is_success() {
            let life = Duration::from_secs(seconds.unsigned_abs());
            let jitter = around.common.rng.random_range(Duration::ZERO..MAX_JITTER);
            let good_for = life.mul_f64(0.8).min(MAX_AGE).saturating_sub(jitter);
            token.refresh_at = Some(around.now.at + good_for);
            let waits =
                self.worker.is_none() && self.sandbox_ready.is_none() && self.ending == super::Ending::No;
            if waits && self.mounting.has_all_tokens() {
                self.plan_start(around, Step::MakeSandbox, |it| &it.sandbox);
            }
        } else if token.refresh_at.is_none() {
            let pause = self.mounting.next_pause();
            self.mounting.retry_at = Some(around.now.at + pause);
        }
    }

    /// Every sync of the pod looks at its volumes again.
    pub(super) fn reprocess_volumes(&mut self, now: Now) {
        if !self.pod.claims.is_empty() {
            self.mounting.claims_at = Some(now.at + POPULATE_AFTER);
        }
    }

    pub(super) fn mounting_due(&mut self, around: &mut Surroundings<'_>) {
        let now = around.now;
        if self.mounting.retry_at.take_if(|at| *at <= now.at).is_some() {
            self.request_tokens(around);
        }
        let reads_claims = around.common.spec.classes.has(Class::VolumeGets);
        if let Some(at) = self.mounting.claims_at.take_if(|at| *at <= now.at)
            && reads_claims
        {
            if self.sandbox_ready.is_none() {
                self.mounting.verify_at = Some(at + VERIFY_AFTER);
            }
            self.get_claims(now, around.out);
        }
        if self.mounting.verify_at.take_if(|at| *at <= now.at).is_some() {
            self.get_claims(now, around.out);
        }
    }

    fn get_claims(&self, now: Now, out: &mut Vec<Action>) {
        for (index, claim) in self.pod.claims.iter().enumerate() {
            let path = format!("/api/v1/namespaces/{}/persistentvolumeclaims/{claim}", self.pod.namespace);
            out.push(Action::Send {
                call: Call::GetClaim(self.pod.uid.clone(), index),
                request: Request::get(path),
                intended: now.at,
            });
        }
    }

    /// The claim names its volume, which is read next; before a claim is mounted it alone is read again.
    pub(in crate::pods) fn on_claim(&mut self, index: usize, answer: &Answer, around: &mut Surroundings<'_>) {
        let verified = self.mounting.verify_at.is_none() && self.sandbox_ready.is_none();
        let volume = answer.object::<core::PersistentVolumeClaim>().and_then(|claim| claim.spec?.volume_name);
        if let Some(volume) = volume.filter(|volume| !volume.is_empty() && !verified) {
            around.out.push(Action::Send {
                call: Call::GetVolume(self.pod.uid.clone(), index),
                request: Request::get(format!("/api/v1/persistentvolumes/{volume}")),
                intended: around.now.at,
            });
        }
    }

    /// Replaces tokens that have become old.
    pub(super) fn refresh_tokens(&mut self, around: &mut Surroundings<'_>) {
        if around.common.spec.classes.has(Class::Tokens) {
            self.request_tokens(around);
        }
    }

    /// Whether the pod has to be synced from time to time.
    pub(super) fn has_volumes_to_keep(&self) -> bool {
        !self.pod.tokens.is_empty() || !self.pod.claims.is_empty()
    }
}

fn token_request(pod: &SeenPod, token: &VolumeToken) -> Request {
    let (namespace, account): (&Arc<str>, &Arc<str>) = (&pod.namespace, &pod.service_account);
    let request = authentication::TokenRequest {
        metadata: Some(meta::ObjectMeta::default()),
        spec: Some(authentication::TokenRequestSpec {
            audiences: token.audience.iter().cloned().collect(),
            expiration_seconds: Some(token.seconds),
            bound_object_ref: Some(authentication::BoundObjectReference {
                kind: Some("Pod".to_owned()),
                api_version: Some("v1".to_owned()),
                name: Some(pod.name.to_string()),
                u_id: Some(pod.uid.to_string()),
            }),
        }),
        // Go writes an empty status too.
        status: Some(authentication::TokenRequestStatus {
            token: Some(String::new()),
            expiration_timestamp: Some(meta::Time::default()),
        }),
    };
    let body = wire::protobuf::encode("authentication.k8s.io/v1", "TokenRequest", &request);
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    Request::post(path, body, Encoding::Protobuf)
}

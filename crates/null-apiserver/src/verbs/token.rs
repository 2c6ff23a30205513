//! POST `serviceaccounts/NAME/token`: tokens that say who they are for and mean nothing else.

use http::{Response, StatusCode};
use k8s_pb::api::authentication::v1::{TokenRequest, TokenRequestSpec, TokenRequestStatus};
use serde_json::json;
use wire::Encoding;

use super::Call;
use crate::answer::{self, Body};
use crate::moment;
use crate::refusal::Refusal;

/// Seconds a token lives if nobody says (pkg/apis/authentication/v1/defaults.go).
const DEFAULT_SECONDS: i64 = 3600;

pub(super) fn request(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let spec = match call.content() {
        Encoding::Protobuf => call.body_message::<TokenRequest>()?.spec.unwrap_or_default(),
        _ => TokenRequestSpec {
            expiration_seconds: call.body_json()?["spec"]["expirationSeconds"].as_i64(),
            ..TokenRequestSpec::default()
        },
    };
    let seconds = spec.expiration_seconds.unwrap_or(DEFAULT_SECONDS);
    let mut store = call.store();
    // A number of its own tells one token from the next.
    store.advance(1);
    let token = format!("null.{}.{}.{}", call.target.namespace, call.name()?, store.revision());
    let expires = moment::after_seconds(seconds);
    let body = if call.accept == Encoding::Protobuf {
        let status = TokenRequestStatus { token: Some(token), expiration_timestamp: Some(expires) };
        let answer = TokenRequest { metadata: None, spec: Some(spec), status: Some(status) };
        wire::protobuf::encode("authentication.k8s.io/v1", "TokenRequest", &answer)
    } else {
        let answer = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {},
            "spec": { "audiences": spec.audiences, "expirationSeconds": seconds },
            "status": { "token": token, "expirationTimestamp": moment::render(expires) },
        });
        answer.to_string().into()
    };
    Ok(answer::whole(StatusCode::CREATED, call.accept, body))
}

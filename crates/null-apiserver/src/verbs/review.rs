//! POST `tokenreviews` and `subjectaccessreviews`: whose token it is, and whether somebody may. In protobuf, as kubelets ask.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use k8s_pb::api::authentication::v1::{TokenReview, TokenReviewStatus, UserInfo};
use k8s_pb::api::authorization::v1::{SubjectAccessReview, SubjectAccessReviewStatus};
use prost::Message;
use wire::Encoding;

use crate::answer::{self, Body};
use crate::log::Logged;
use crate::refusal::Refusal;
use crate::server::{Shared, lock};

/// The answer to a review; `None` if the request is none.
pub(crate) fn review(shared: &Shared, request: &Logged) -> Option<Result<Response<Body>, Refusal>> {
    if request.method != Method::POST {
        return None;
    }
    let reviewed = match request.path.as_str() {
        "/apis/authentication.k8s.io/v1/tokenreviews" => token(request),
        "/apis/authorization.k8s.io/v1/subjectaccessreviews" => access(shared, request),
        _ => return None,
    };
    Some(reviewed.map(|body| answer::whole(StatusCode::CREATED, Encoding::Protobuf, body)))
}

/// A token of this server (`token.rs`) is that of its service account, `null.NAMESPACE.NAME.NUMBER`; any other is nobody's.
fn token(request: &Logged) -> Result<Bytes, Refusal> {
    let mut review: TokenReview = decode(request)?;
    let token = review.spec.as_ref().and_then(|spec| spec.token.as_deref()).unwrap_or_default();
    let parts: Vec<&str> = token.split('.').collect();
    review.status = Some(match parts.as_slice() {
        ["null", namespace, name, _] => TokenReviewStatus {
            authenticated: Some(true),
            user: Some(UserInfo {
                username: Some(format!("system:serviceaccount:{namespace}:{name}")),
                groups: ["system:serviceaccounts", "system:authenticated"].map(str::to_owned).into(),
                ..UserInfo::default()
            }),
            ..TokenReviewStatus::default()
        },
        _ => TokenReviewStatus {
            error: Some("invalid bearer token".to_owned()),
            ..TokenReviewStatus::default()
        },
    });
    Ok(wire::protobuf::encode("authentication.k8s.io/v1", "TokenReview", &review))
}

fn access(shared: &Shared, request: &Logged) -> Result<Bytes, Refusal> {
    let mut review: SubjectAccessReview = decode(request)?;
    let user = review.spec.as_ref().and_then(|spec| spec.user.clone()).unwrap_or_default();
    let allowed = !lock(&shared.denied).contains(&user);
    review.status =
        Some(SubjectAccessReviewStatus { allowed: Some(allowed), ..SubjectAccessReviewStatus::default() });
    Ok(wire::protobuf::encode("authorization.k8s.io/v1", "SubjectAccessReview", &review))
}

fn decode<M: Message + Default>(request: &Logged) -> Result<M, Refusal> {
    wire::protobuf::decode(&request.body).map_err(|error| Refusal::bad_request(error.to_string()))
}

//! What an apiserver asks of a webhook and is answered: `AdmissionReview` of admission.k8s.io/v1, as JSON.

use serde::Deserialize;
use serde_json::json;

/// The request that admission is asked for; only what somebody here looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Asked {
    /// Of this question, which its answer repeats.
    pub(super) uid: String,
    /// `CREATE`, `UPDATE`, `DELETE`.
    pub(super) operation: String,
    /// Empty of what is in none.
    #[serde(default)]
    pub(super) namespace: String,
    /// Empty where the server is to generate it, and of a collection.
    #[serde(default)]
    pub(super) name: String,
}

/// Reads the question; nothing where it is none.
pub(super) fn read(body: &[u8]) -> Option<Asked> {
    #[derive(Deserialize)]
    struct Review {
        request: Asked,
    }
    serde_json::from_slice::<Review>(body).ok().map(|review| review.request)
}

/// The answer that lets the request through.
pub(super) fn allowed(uid: &str) -> String {
    review(&json!({"uid": uid, "allowed": true}))
}

/// The answer that has the client told `code`. The apiserver puts the webhook's name before the message
/// (`apiserver/pkg/admission/plugin/webhook/errors`, `ToStatusErr`).
pub(super) fn denied(uid: &str, code: u16, message: &str) -> String {
    let mut status = json!({"status": "Failure", "code": code, "message": message});
    if let Some(reason) = reason(code) {
        status["reason"] = reason.into();
    }
    review(&json!({"uid": uid, "allowed": false, "status": status}))
}

fn review(response: &serde_json::Value) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).to_string()
}

/// By which clients of Go know an error, rather than by its code (apimachinery `pkg/api/errors`, `NewGenericServerResponse`).
fn reason(code: u16) -> Option<&'static str> {
    Some(match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        406 => "NotAcceptable",
        409 => "Conflict",
        410 => "Gone",
        413 => "RequestEntityTooLarge",
        415 => "UnsupportedMediaType",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// As kube-apiserver v1.36 asks, without the pod's spec.
    const QUESTION: &str = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"705a","kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},"requestKind":{"group":"","version":"v1","kind":"Pod"},"requestResource":{"group":"","version":"v1","resource":"pods"},"name":"pods-7","namespace":"loadgen-r","operation":"CREATE","userInfo":{"username":"system:serviceaccount:loadgen-r:pods-0","groups":["system:authenticated"]},"object":{"kind":"Pod","metadata":{"name":"pods-7","uid":"other"}},"oldObject":null,"dryRun":false,"options":{"kind":"CreateOptions"}}}"#;

    #[test]
    fn a_question_is_read_and_what_is_none_is_not() {
        let asked = read(QUESTION.as_bytes()).unwrap();
        let text = |text: &str| text.to_owned();
        let wanted = Asked {
            uid: text("705a"),
            operation: text("CREATE"),
            namespace: text("loadgen-r"),
            name: text("pods-7"),
        };
        assert_eq!(asked, wanted);
        let cluster = r#"{"request": {"uid": "u", "operation": "DELETE"}}"#;
        assert_eq!(read(cluster.as_bytes()).unwrap().namespace, "");
        assert_eq!(read(b"{}"), None);
        assert_eq!(read(b"nonsense"), None);
    }

    #[test]
    fn answers_are_reviews_of_the_same_question() {
        let answer: Value = serde_json::from_str(&allowed("705a")).unwrap();
        let wanted = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "response": {"uid": "705a", "allowed": true}
        });
        assert_eq!(answer, wanted);
        let answer: Value = serde_json::from_str(&denied("705a", 503, "no")).unwrap();
        let status =
            json!({"status": "Failure", "code": 503, "reason": "ServiceUnavailable", "message": "no"});
        let wanted = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "response": {"uid": "705a", "allowed": false, "status": status}
        });
        assert_eq!(answer, wanted);
        let odd: Value = serde_json::from_str(&denied("u", 599, "no")).unwrap();
        assert_eq!(odd["response"]["status"].get("reason"), None);
    }
}
